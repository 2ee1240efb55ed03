package config

import (
	"fmt"
	"strings"
)

// enum is the one table of an enumeration's words: the parser, String and the
// error that lists the right words all read it, so a value added to the table
// is known everywhere. The tables are never written to.
type enum[T ~uint8] struct {
	what  string // what a value is, for messages
	words []word[T]
}

// word is one value as the file spells it.
type word[T ~uint8] struct {
	name  string
	value T
}

// parse returns the value of a word, and false for a word not in the table.
func (e enum[T]) parse(name string) (T, bool) {
	for _, w := range e.words {
		if w.name == name {
			return w.value, true
		}
	}
	return 0, false
}

// name returns the word of a value. A value outside the table, such as zero,
// prints as its kind and number.
func (e enum[T]) name(value T) string {
	for _, w := range e.words {
		if w.value == value {
			return w.name
		}
	}
	return fmt.Sprintf("%s(%d)", strings.ReplaceAll(e.what, " ", "-"), uint8(value))
}

// cure lists the words to use.
func (e enum[T]) cure() string { return "use " + alternatives(e.all()) }

// all returns the words in the order of the table.
func (e enum[T]) all() []string {
	names := make([]string, len(e.words))
	for i, w := range e.words {
		names[i] = w.name
	}
	return names
}

// alternatives joins words as "a", "a or b", "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// readEnum returns the value that the text at path means, and records a
// problem if it means none.
func readEnum[T ~uint8](p *problems, e enum[T], path, text string) T {
	value, ok := e.parse(text)
	if !ok {
		p.add(path, fmt.Sprintf("%q is no %s", text, e.what), e.cure())
	}
	return value
}
