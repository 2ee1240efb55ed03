package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// foreignText finds in a text what the YAML parser has refused without saying where, or
// what to do about it: bytes that are no UTF-8, control characters, and a tab that indents.
func foreignText(data []byte) (at place, problem, cure string) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return at, "", "" // UTF-16, which YAML may be in
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') && len(indent) < len(bytes.TrimRight(line, "\r\n")) {
			return place{number, 1 + bytes.IndexByte(indent, '\t')}, "a tab indents the line", "indent with spaces"
		}
		for i := 0; i < len(line); {
			r, size := utf8.DecodeRune(line[i:])
			at = place{number, i + 1}
			switch {
			case r == utf8.RuneError && size == 1:
				return at, fmt.Sprintf("byte %d of the line, %#02x, is no UTF-8", i+1, line[i]), "save the file as UTF-8"
			case r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f:
				return at, fmt.Sprintf("byte %d of the line is the control character %#02x", i+1, r), "remove it"
			}
			i += size
		}
	}
	return place{}, "", ""
}
