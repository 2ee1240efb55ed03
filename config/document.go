package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Document is the text of a configuration that a program changes: what it does not
// change stays as somebody wrote it, with the comments.
type Document struct {
	doc yaml.Node
}

// ReadDocument reads the text. It need not be a valid configuration, only keys
// with values.
func ReadDocument(text []byte) (*Document, error) {
	d := &Document{}
	if len(text) > MaxFileSize {
		return nil, fmt.Errorf("larger than %d bytes", MaxFileSize)
	}
	if err := yaml.Unmarshal(text, &d.doc); err != nil {
		return nil, fmt.Errorf("read the configuration's text: %w", err)
	}
	if len(d.doc.Content) != 1 || d.doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the configuration's text is not a list of keys with values")
	}
	return d, nil
}

// Text is the text as it is by now.
func (d *Document) Text() ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&d.doc), enc.Close()); err != nil {
		return nil, fmt.Errorf("write the configuration's text: %w", err)
	}
	return b.Bytes(), nil
}

// Set gives the key at the path a value, and makes the mappings that lead there.
func (d *Document) Set(value any, path ...string) error {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return fmt.Errorf("write %v: %w", path, err)
	}
	at := d.doc.Content[0]
	for _, key := range path[:len(path)-1] {
		next := valueOf(at, key)
		if next == nil || next.Kind != yaml.MappingNode {
			next = &yaml.Node{Kind: yaml.MappingNode}
			put(at, key, next)
		}
		at = next
	}
	last := path[len(path)-1]
	if old := valueOf(at, last); old != nil {
		n.HeadComment, n.LineComment, n.FootComment = old.HeadComment, old.LineComment, old.FootComment
		if old.Kind == n.Kind {
			n.Style = old.Style
		}
	}
	put(at, last, &n)
	return nil
}

// Delete removes the key at the path, if it is there.
func (d *Document) Delete(path ...string) {
	at := d.doc.Content[0]
	for _, key := range path[:len(path)-1] {
		if at = valueOf(at, key); at == nil || at.Kind != yaml.MappingNode {
			return
		}
	}
	last := path[len(path)-1]
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == last {
			at.Content = slices.Delete(at.Content, i, i+2)
			return
		}
	}
}

// Get decodes the value at the path, and tells whether there is one of that form.
func (d *Document) Get(into any, path ...string) bool {
	at := d.doc.Content[0]
	for _, key := range path {
		if at.Kind != yaml.MappingNode {
			return false
		}
		if at = valueOf(at, key); at == nil {
			return false
		}
	}
	return at.Decode(into) == nil
}

// valueOf is the value of a key in a mapping; nil if there is none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// put sets the value of a key in a mapping.
func put(mapping *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
}
