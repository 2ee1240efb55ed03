package config

import (
	"fmt"
	"reflect"
)

// Key is one key of the configuration file.
type Key struct {
	// Path names it, with [] for each entry of a list: rules[].name.
	Path string `json:"key"`
	// Type says what its value is.
	Type string `json:"type"`
	// Words are all values that it may have, if they are words.
	Words []string `json:"words,omitempty"`
	// Default is its value where the file says nothing; empty if there is none.
	Default string `json:"default,omitempty"`
	// Description says what it is for, with links as in docs/.
	Description string `json:"description"`
}

// Schema returns all keys of the file, in its order.
func Schema() []Key {
	defaults := newProblems("").defaults()
	delete(defaults, "node.name") // the machine's own
	texts := descriptions()
	var keys []Key
	walk(reflect.TypeFor[rawConfig](), "", func(path string, t reflect.Type) {
		k := Key{Path: path, Type: typeText(t), Words: Words(path), Description: texts[path]}
		if v, ok := defaults[path]; ok {
			k.Default = fmt.Sprint(v)
		}
		keys = append(keys, k)
	})
	return keys
}

// walk calls visit with every key, a list's and a mapping's before those in it.
func walk(t reflect.Type, above string, visit func(path string, t reflect.Type)) {
	for _, f := range fields(t) {
		at := child(above, f.key)
		visit(at, f.kind)
		switch {
		case f.kind.Kind() == reflect.Struct:
			walk(f.kind, at, visit)
		case f.kind.Kind() == reflect.Slice && f.kind.Elem().Kind() == reflect.Struct:
			walk(f.kind.Elem(), at+"[]", visit)
		}
	}
}

func typeText(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64:
		return "number"
	case t.Kind() == reflect.Struct:
		return "keys"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of keys"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Interface:
		return "value or list"
	}
	return "text"
}

// Words returns the words that a key's value is one of; nil if it is no word.
func Words(path string) []string {
	switch path {
	case "vips[].mode":
		return vipModes.all()
	case "rules[].protocol":
		return protocols.all()
	case "rules[].mode":
		return ruleModes.all()
	case "rules[].affinity":
		return affinities.all()
	case "default":
		return defaults.all()
	case "cluster.profile":
		return profiles.all()
	case "cluster.partition":
		return partitions.all()
	case "datapath.offload":
		return offloads.all()
	case "datapath.xdp":
		return xdpModes.all()
	case "datapath.zero_copy":
		return zeroCopies.all()
	case "node.boot":
		return boots.all()
	case "node.rejoin":
		return rejoins.all()
	case "checks[].type":
		return checkTypes.all()
	case "checks[].phase":
		return checkPhases.all()
	case "checks[].action":
		return actions.all()
	}
	return nil
}
