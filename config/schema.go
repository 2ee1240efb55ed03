package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// check compares the value n at path with the type that the schema has there.
func (p *problems) check(n *yaml.Node, t reflect.Type, path string) {
	switch {
	case isNull(n):
		p.addMalformed(path, "has no value", "give it one or remove the key")
	case n.Kind == yaml.ScalarNode && n.Decode(new(any)) != nil: // or the decoder would quote it
		p.addMalformed(path, "is not what the tag before it says", "take the tag out")
	case t.Kind() == reflect.Struct:
		p.checkMapping(n, t, path)
	case t.Kind() == reflect.Slice:
		p.checkList(n, t, path)
	case t.Kind() == reflect.Interface:
		// One value or several; validate knows which are right.
		if n.Kind == yaml.SequenceNode {
			p.checkList(n, reflect.SliceOf(t), path)
		} else if n.Kind == yaml.MappingNode {
			p.addMalformed(path, "has keys below it where a value belongs", "write a value, or several in [brackets]")
		}
	default:
		p.checkScalar(n, t, path)
	}
}

func (p *problems) checkMapping(n *yaml.Node, t reflect.Type, path string) {
	known := fields(t)
	if n.Kind != yaml.MappingNode {
		p.addMalformed(path, "has a value where keys belong", "its keys are "+quoted(fieldKeys(known)))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		at := slices.IndexFunc(known, func(f field) bool { return f.key == key })
		if stray := n.Content[i+1]; at < 0 && n.Style&yaml.FlowStyle != 0 && isNull(stray) && stray.Value == "" {
			p.addAt(placeOf(n.Content[i]), path, "a word between braces that is no key", "write KEY: VALUE; quote a value with a comma or brace in it")
			p.misspelt[path] = true
			continue
		}
		if at < 0 {
			p.addUnknown(path, key, fieldKeys(known))
			continue
		}
		p.check(n.Content[i+1], known[at].kind, child(path, key))
	}
}

// addUnknown records an unknown key with the one that was probably meant.
func (p *problems) addUnknown(path, key string, known []string) {
	p.addMalformed(child(path, key), fmt.Sprintf("unknown key `%s`", keyName(key)), cureUnknown(key, known))
	p.misspelt[path] = true
}

// cureUnknown names the nearest of the known keys; failing that the place
// where the key does belong; failing that all known ones.
func cureUnknown(key string, known []string) string {
	if near, ok := nearest(key, known); ok {
		return fmt.Sprintf("did you mean `%s`?", near)
	}
	for _, f := range settings(reflect.TypeFor[rawConfig](), "") {
		if above := parent(f.key); f.key == key && above != "" {
			return fmt.Sprintf("write `%s` below `%s`", strings.TrimPrefix(key, above+"."), above)
		}
		if strings.HasSuffix(f.key, "."+key) {
			return fmt.Sprintf("did you mean `%s`?", f.key)
		}
	}
	return "the keys here are " + quoted(known)
}

func (p *problems) checkList(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.SequenceNode {
		p.addMalformed(path, "is not a list", "put the value into [brackets], or start each entry with a dash")
		return
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if t.Elem().Kind() == reflect.Interface && item.Kind != yaml.ScalarNode {
			p.addMalformed(at, "is not a single value", "write one value in each entry of the list")
			continue
		}
		p.check(item, t.Elem(), at)
	}
}

// checkScalar tells the types of YAML's plain values apart: `name: 10` is a
// number there, and `join_timeout: 5` has no unit.
func (p *problems) checkScalar(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.ScalarNode {
		cure := "write one value, without brackets, dashes and keys below it"
		if path == "api.users" {
			cure = usersApart
		}
		p.addMalformed(path, "is not a single value", cure)
		return
	}
	tag := n.ShortTag()
	number := tag == "!!int" || tag == "!!float"
	switch {
	case t == durationType && number: // validate knows the unit that it may lack
	case t.Kind() == reflect.String && tag != "!!str":
		p.notText(path, n.Value)
	case t.Kind() == reflect.Bool && tag != "!!bool":
		p.addMalformed(path, fmt.Sprintf("%q is neither true nor false", n.Value), "use true or false")
	case t.Kind() == reflect.Int64 && (tag != "!!int" || n.Decode(new(int64)) != nil):
		p.addMalformed(path, fmt.Sprintf("%q is not a whole number", n.Value), "write digits only")
	}
}

func (p *problems) notText(path, value string) {
	if mayBeSecret(path) {
		p.addMalformed(path, "is not text", "put it into quotes")
	} else {
		p.addMalformed(path, value+" is not text", textCure(path, value))
	}
}

var position = regexp.MustCompile(`\[\d+\]`)

// textCure is what to write in the place of a number, a date, true or false where text
// belongs: in quotes it would be text, but not always of the right kind.
func textCure(path, value string) string {
	if words := Words(position.ReplaceAllString(path, "[]")); len(words) > 0 {
		return "use " + alternatives(words)
	}
	if path == "health_listen" {
		return healthListenCure
	}
	return fmt.Sprintf("write %q, with the quotes", value)
}

// quoted joins keys as "`a`, `b` and `c`".
func quoted(keys []string) string {
	marked := make([]string, len(keys))
	for i, k := range keys {
		marked[i] = "`" + k + "`"
	}
	last := len(marked) - 1
	if last < 1 {
		return strings.Join(marked, "")
	}
	return strings.Join(marked[:last], ", ") + " and " + marked[last]
}
