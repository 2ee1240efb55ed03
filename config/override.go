package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// envPrefix starts the names of the environment variables that set keys.
const envPrefix = "THRESHER_"

// override is a value that did not come from the file.
type override struct {
	source string // as Error.File has it
	origin origin
	text   string
	value  any // text as the type that the schema wants
}

// override collects the values of environment and flags, flags above
// environment.
func (p *problems) override(env []string, flags map[string]string) {
	known := settings(reflect.TypeFor[rawConfig](), "")
	p.fromEnv(env, known)
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		o := override{source: "flag", origin: fromFlag, text: flags[path]}
		at := slices.IndexFunc(known, func(f field) bool { return f.key == path })
		if at < 0 {
			p.overrides[path] = o
			p.add(path, fmt.Sprintf("unknown key `%s`", path), cureUnknown(path, fieldKeys(known)))
			continue
		}
		p.setOverride(known[at], o)
	}
}

// fromEnv is override for the environment. A variable that sets no key is refused, and
// one that is empty, unless it is somebody else's.
func (p *problems) fromEnv(env []string, known []field) {
	values := map[string]string{}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) {
			values[name] = text // the last one wins, as in os/exec
		}
	}
	for _, f := range known {
		name := envName(f.key)
		text, ok := values[name]
		switch {
		case ok && text == "":
			p.addStray(name, "is empty", "give it a value, or unset it")
		case ok:
			p.setOverride(f, override{source: "environment " + name, origin: fromEnv, text: text})
		}
		delete(values, name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !isForeign(name, values) {
			p.addStray(name, "sets no key", cureStray(name, known))
		}
	}
}

// addStray refuses a variable.
func (p *problems) addStray(name, problem, cure string) {
	p.list = append(p.list, &Error{File: "environment " + name, Problem: problem, Cure: cure, origin: fromEnv})
}

// cureStray names the variable that was probably meant, or says what to do without one.
func cureStray(name string, known []field) string {
	for _, f := range known {
		right := envName(f.key)
		if len(name) <= len(right)+2 && distance(name, right) <= 2 {
			return fmt.Sprintf("did you mean %s?", right)
		}
	}
	return "unset it: a variable is called after a key that is in no list of keys, as THRESHER_CLUSTER_PROFILE after cluster.profile"
}

// envName is THRESHER_CLUSTER_PROFILE for cluster.profile.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// setOverride converts the text to the type that the file would have had.
func (p *problems) setOverride(f field, o override) {
	o.value = o.text
	switch f.kind.Kind() {
	case reflect.Slice:
		o.value = splitList(o.text)
	case reflect.Interface:
		if number, err := strconv.Atoi(o.text); err == nil {
			o.value = number
		}
	case reflect.Int64:
		number, err := strconv.ParseInt(o.text, 10, 64)
		if err != nil {
			o.value = nil
			p.overrides[f.key] = o
			p.addMalformed(f.key, fmt.Sprintf("%q is not a whole number", o.text), "write digits only")
			return
		}
		o.value = number
	case reflect.Bool:
		truth := o.text == "true"
		if !truth && o.text != "false" {
			o.value = nil
			p.overrides[f.key] = o
			p.addMalformed(f.key, fmt.Sprintf("%q is neither true nor false", o.text), "use true or false")
			return
		}
		o.value = truth
	}
	p.overrides[f.key] = o
}

// splitList splits a list at its commas. An empty text is the empty list.
func splitList(text string) []string {
	if text == "" {
		return []string{}
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}
