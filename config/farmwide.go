package config

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// farmWide are the file's sections that all nodes of a farm have alike, or that
// are usually alike: what an operator changes on one node and means for all.
var farmWide = []string{"vips", "rules", "default", "services", "checks"}

// ownInRule are the keys of a rule that are each node's own.
var ownInRule = []string{"weight", "priority"}

// ForAll makes of another node's text what it is to be when a text of this node,
// old, has become next for the whole farm: the sections that next has changed, and
// nothing else. A rule's weight and priority stay that node's own unless they are
// what was changed.
func ForAll(old, next, theirs []byte) ([]byte, error) {
	was, err := ReadDocument(old)
	if err != nil {
		return nil, err
	}
	is, err := ReadDocument(next)
	if err != nil {
		return nil, err
	}
	other, err := ReadDocument(theirs)
	if err != nil {
		return nil, err
	}
	changed := false
	for _, key := range farmWide {
		a, b := valueOf(was.doc.Content[0], key), valueOf(is.doc.Content[0], key)
		if same(a, b) {
			continue
		}
		changed = true
		if b == nil {
			other.Delete(key)
			continue
		}
		if key == "rules" {
			b = keepOwn(a, b, valueOf(other.doc.Content[0], key))
		}
		put(other.doc.Content[0], key, b)
	}
	if !changed {
		return theirs, nil
	}
	return other.Text()
}

// same tells whether two values are the same text, but for their place.
func same(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, err1 := yaml.Marshal(a)
	y, err2 := yaml.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// keepOwn is the list of rules with what theirs has for itself in the rules whose
// own keys have not been changed.
func keepOwn(was, is, theirs *yaml.Node) *yaml.Node {
	if is.Kind != yaml.SequenceNode {
		return is
	}
	list := *is
	list.Content = nil
	for _, r := range is.Content {
		one := *r
		one.Content = append([]*yaml.Node(nil), r.Content...)
		for _, key := range ownInRule {
			before, after := valueIn(was, r, key), valueOf(r, key)
			if one.Kind != yaml.MappingNode || !same(before, after) || ruleLike(theirs, r) == nil {
				continue
			}
			if own := valueIn(theirs, r, key); own != nil {
				put(&one, key, own)
			} else {
				(&Document{doc: yaml.Node{Content: []*yaml.Node{&one}}}).Delete(key)
			}
		}
		list.Content = append(list.Content, &one)
	}
	return &list
}

// valueIn is a key of the rule in the list that has r's name.
func valueIn(list, r *yaml.Node, key string) *yaml.Node {
	if one := ruleLike(list, r); one != nil {
		return valueOf(one, key)
	}
	return nil
}

// ruleLike is the rule in the list that has r's name.
func ruleLike(list, r *yaml.Node) *yaml.Node {
	name := valueOf(r, "name")
	if list == nil || name == nil || r.Kind != yaml.MappingNode {
		return nil
	}
	for _, one := range list.Content {
		if n := valueOf(one, "name"); one.Kind == yaml.MappingNode && n != nil && n.Value == name.Value {
			return one
		}
	}
	return nil
}
