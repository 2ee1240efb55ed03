package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Error is one thing wrong with a configuration: what, where, and the cure.
type Error struct {
	// File is the file that the value came from, or the override that set it:
	// "environment THRESHER_CLUSTER_PROFILE", or "flag".
	File string
	// Line is the line in File, counted from 1; 0 if the problem has none, such
	// as a missing key.
	Line int
	// Key is the path of the key, such as "rules[1].ports[0]", counted from 0.
	// It is empty if the problem is the whole file's.
	Key string
	// Problem says what is wrong.
	Problem string
	// Cure says what to write instead. It may be empty.
	Cure string

	cause  error  // what the system said, for errors.Is
	column int    // sorts the problems of one line
	origin origin // sorts the file's problems before the overrides'
}

// origin is where a value came from, in the order in which problems are shown.
type origin uint8

const (
	fromFile origin = iota
	fromEnv
	fromFlag
)

// Error prints file:line, key, problem and cure with colons between, leaving
// out what there is none of.
func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where += ":" + strconv.Itoa(e.Line)
	}
	parts := []string{where, e.Key, e.Problem, e.Cure}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// Unwrap returns what the operating system said, or nil. fs.ErrNotExist and
// its like are found through it.
func (e *Error) Unwrap() error { return e.cause }

// Errors are all problems found in one configuration, at least one: the file's
// in the order of its lines, then the environment's, then the flags'.
type Errors []*Error

// Error prints one problem per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// sorted returns the problems in the order in which they are shown. Problems
// of one place stay in the order in which they were found.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.Line, b.Line), cmp.Compare(a.column, b.column))
	})
	return e
}
