// Package mutant breaks a package for its tests, which show that the loss of each
// part of its rules is noticed. The package itself has nothing for it: a mutant is a
// few edits of its files' text, which the go command compiles in their place (go help
// build: -overlay).
//
// Building takes much longer than running, so there is one binary with all mutants of
// a package, each behind a condition, and a process is told which of them it is
// to be (see [Binary]).
package mutant

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mutant takes one part of a package's rules away.
type Mutant struct {
	// Name is the mutant's, in words; no comma.
	Name string
	// Does tells what the broken package does.
	Does  string
	Edits []Edit
}

// Edit replaces a piece of one file.
type Edit struct {
	// File is the file's name in the package's directory.
	File string
	// Old is what is replaced. The file has it once, and no other edit touches it.
	Old string
	// New stands in its place. In it the word broken stands for whether the process
	// is to be this mutant: without it the text must do what Old does.
	New string
}

// New returns a mutant of that name, which does so.
func New(name, does string, edits ...Edit) Mutant { return Mutant{name, does, edits} }

// In is an edit of a file: the new text stands in the place of the old.
func In(file, old, new string) Edit { return Edit{file, old, new} }

// broken is the word of [Edit.New].
var broken = regexp.MustCompile(`\bbroken\b`)

// asked is what stands for it in the end: an element of the map that [switches] declares.
func asked(name string) string { return "mutated[" + strconv.Quote(name) + "]" }

// place is where in a file's text an edit belongs, and the text for there.
type place struct {
	from, to int
	text     string
}

// apply returns the text of a file with all mutants' edits of it.
func apply(file, text string, mutants []Mutant) (string, error) {
	var places []place
	for _, m := range mutants {
		for _, e := range m.Edits {
			if e.File != file {
				continue
			}
			if n := strings.Count(text, e.Old); n != 1 {
				return "", fmt.Errorf("mutant %q: %s has %d times, want once: %s", m.Name, file, n, e.Old)
			}
			if !broken.MatchString(e.New) {
				return "", fmt.Errorf("mutant %q: no condition in %s", m.Name, e.New)
			}
			from := strings.Index(text, e.Old)
			places = append(places, place{from, from + len(e.Old), broken.ReplaceAllLiteralString(e.New, asked(m.Name))})
		}
	}
	return replace(text, places)
}

// replace puts the places' texts where they belong.
func replace(text string, places []place) (string, error) {
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	end := 0
	for _, p := range places {
		if p.from < end {
			return "", fmt.Errorf("two mutants touch the same text: %s", text[p.from:p.to])
		}
		out.WriteString(text[end:p.from])
		out.WriteString(p.text)
		end = p.to
	}
	out.WriteString(text[end:])
	return out.String(), nil
}

// files are the names of those that the mutants edit, sorted.
func files(mutants []Mutant) []string {
	var names []string
	for _, m := range mutants {
		for _, e := range m.Edits {
			names = append(names, e.File)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
