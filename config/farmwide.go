package config

import (
	"bytes"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// farmWide are the file's sections that an operator changes on one node and means for
// all: those that all nodes must have alike (RulesDigest), and usuallyAlike.
var farmWide = []string{"vips", "rules", "default", "services", "checks"}

// usuallyAlike are those of farmWide that a node may have as its own.
var usuallyAlike = map[string]bool{"services": true, "checks": true}

// ownInRule are the keys of a rule that are each node's own.
var ownInRule = []string{"weight", "priority", "nodes"}

// ForAll makes of another node's text what it is to be when a text of this node,
// old, has become next for the whole farm: what all nodes must have alike is as next
// has it, also where only that node had something else; of the rest of farmWide, what
// next has changed; and nothing else. What of a rule is each node's own stays so, unless
// it is what was changed.
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
		a, b, c := valueOf(was.doc.Content[0], key), valueOf(is.doc.Content[0], key), valueOf(other.doc.Content[0], key)
		if key == "rules" && b != nil {
			b = keepOwn(a, b, c)
		}
		if same(a, b) && usuallyAlike[key] || means(b, c) {
			continue
		}
		changed = true
		if b == nil {
			other.Delete(key)
			continue
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

// means tells whether two values say the same, whatever is remarked on them and however
// they are laid out.
func means(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	var x, y any
	return a.Decode(&x) == nil && b.Decode(&y) == nil && reflect.DeepEqual(x, y)
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
