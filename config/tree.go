package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth is far deeper than the schema, and bounds the paths' lengths.
const maxDepth = 16

// tree parses the file into nodes that know their lines, which viper does not
// keep. It returns nil if there is nothing to go on with.
func (p *problems) tree(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		p.addEmpty()
		return nil
	} else if err != nil {
		p.addSyntax(data, err)
		return nil
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		p.addAt(placeOf(&next), "", "a second YAML document", "write everything into one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		p.addSyntax(data, err)
		return nil
	}
	return p.root(&doc)
}

// root returns the file's top mapping with every key's line noted.
func (p *problems) root(doc *yaml.Node) *yaml.Node {
	top := doc.Content[0]
	switch {
	case isNull(top):
		p.addEmpty()
		return nil
	case top.Kind != yaml.MappingNode:
		p.addAt(placeOf(top), "", "not a list of keys with values", "start with lines such as `interface: eth0`")
		return nil
	}
	p.index(top, "", 0)
	if len(p.list) > 0 {
		return nil // viper would read something else than what is written
	}
	return top
}

// index notes the line of every key below n and refuses what would make a key
// mean something else than what stands at its line.
func (p *problems) index(n *yaml.Node, path string, depth int) {
	switch {
	case depth > maxDepth:
		p.add(path, "nested too deep", "take the keys out that are not in the reference (docs/configuration.md)")
	case n.Kind == yaml.AliasNode:
		p.add(path, "YAML aliases are not supported", "write the value out")
	case n.Kind == yaml.MappingNode:
		p.indexKeys(n, path, depth)
	case n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			p.places[at] = placeOf(item)
			p.index(item, at, depth+1)
		}
	}
}

// indexKeys is index for a mapping. Keys that differ only in case are
// duplicates: viper folds case, and one of the two would silently win.
func (p *problems) indexKeys(n *yaml.Node, path string, depth int) {
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.addAt(placeOf(key), path, "a key that is not a word", "write KEY: VALUE; quote a value that begins with a bracket or a question mark")
			continue
		}
		at := child(path, key.Value)
		folded := strings.ToLower(key.Value)
		if before, ok := first[folded]; ok {
			p.addAt(placeOf(key), at, fmt.Sprintf("duplicate key `%s`", keyName(key.Value)),
				fmt.Sprintf("`%s` is already on line %d", keyName(before.Value), before.Line))
			continue
		}
		first[folded] = key
		p.places[at] = placeOf(key)
		p.index(value, at, depth+1)
	}
}

// addAt records a problem of the file itself, at a place of its own.
func (p *problems) addAt(at place, path, problem, cure string) {
	p.list = append(p.list, &Error{File: p.file, Line: at.line, Key: path, Problem: problem, Cure: cure, column: at.column})
}

func (p *problems) addEmpty() {
	p.addAt(place{}, "", "the file is empty", "it needs at least interface, vips, rules and cluster")
}

// unknownAnchor begins what the YAML parser says of an alias that it does not know; behind
// it stands what is most likely a value.
const unknownAnchor = "unknown anchor "

var yamlError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// addSyntax records what the YAML parser said, with its line.
func (p *problems) addSyntax(data []byte, err error) {
	if at, problem, cure := foreignText(data); problem != "" {
		p.addAt(at, "", "not YAML: "+problem, cure)
		return
	}
	line, text, cure := 0, err.Error(), "compare the line, and those around it, with the examples in docs/configuration.md"
	if m := yamlError.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // no line is line 0
		text = m[2]
	}
	if strings.HasPrefix(text, unknownAnchor) {
		text, cure = "an alias of nothing", "put a value that begins with an asterisk into quotes"
	}
	p.addAt(place{line: line}, "", "not YAML: "+text, cure)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
