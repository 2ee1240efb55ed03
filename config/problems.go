package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// problems collects what is wrong with one configuration and knows where each
// key's value came from.
type problems struct {
	file string
	// places has where every key of the file is, by path.
	places map[string]place
	// overrides has the values that did not come from the file, by path.
	overrides map[string]override
	// malformed has the paths whose value could not be read at all. Nothing
	// more is said of them, nor of what is below them.
	malformed map[string]bool
	// misspelt has the paths of the mappings with an unknown key. Nothing is
	// said to be missing there, since the unknown key is most likely that one.
	misspelt map[string]bool
	list     Errors
}

// place is a line and a column of the file, counted from 1.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

func newProblems(file string) *problems {
	return &problems{
		file:      file,
		places:    map[string]place{},
		overrides: map[string]override{},
		malformed: map[string]bool{},
		misspelt:  map[string]bool{},
	}
}

// add records a problem with the value at path.
func (p *problems) add(path, problem, cure string) {
	p.addCause(path, problem, cure, nil)
}

// addCause is add with the error that a caller may want to look for.
func (p *problems) addCause(path, problem, cure string, cause error) {
	for at := path; at != ""; at = parent(at) {
		if p.malformed[at] {
			return
		}
	}
	e := &Error{File: p.file, Key: path, Problem: problem, Cure: cure, cause: cause}
	p.locate(e)
	p.list = append(p.list, e)
}

// has tells whether something is wrong with the value at path already.
func (p *problems) has(path string) bool {
	return slices.ContainsFunc(p.list, func(e *Error) bool { return e.Key == path })
}

// addMalformed records a problem that leaves no value to look at.
func (p *problems) addMalformed(path, problem, cure string) {
	p.add(path, problem, cure)
	p.malformed[path] = true
}

// written reports whether the file has the key, be it without a value.
func (p *problems) written(path string) bool {
	_, ok := p.places[path]
	return ok
}

// addMissing records that a key that must be there is not, or is empty.
func (p *problems) addMissing(path, cure string) {
	if p.written(path) {
		p.add(path, "is empty", cure)
		return
	}
	for at := parent(path); ; at = parent(at) {
		if p.misspelt[at] {
			return
		}
		if at == "" || p.written(at) {
			break
		}
	}
	p.add(path, "is missing", cure)
}

// locate fills in where the value of e.Key came from. A key that is nowhere,
// since it is missing, is at the nearest key above it.
func (p *problems) locate(e *Error) {
	for at := e.Key; at != ""; at = parent(at) {
		if o, ok := p.overrides[at]; ok {
			e.File, e.origin = o.source, o.origin
			return
		}
	}
	for at := e.Key; at != ""; at = parent(at) {
		if where, ok := p.places[at]; ok {
			e.Line, e.column = where.line, where.column
			return
		}
	}
}

// err returns the problems in order, or nil if there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return p.list.sorted()
}

// child returns the path of a key of the mapping at path. Of what is no key's name, it
// has the beginning alone.
func child(path, key string) string {
	key = keyName(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent returns the path of what holds the value at path: "rules[1].ports[0]"
// is in "rules[1].ports", that in "rules[1]", that in "rules", that in "".
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
