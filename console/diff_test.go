package console

import (
	"strings"
	"testing"
)

func TestDiffText(t *testing.T) {
	for _, tt := range []struct{ old, next, want string }{
		{"a\n", "a\n", ""},
		{"a\nb\nc\n", "a\nx\nc\n", " a\n-b\n+x\n c\n"},
		{"1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n7\n", " 4\n 5\n 6\n+7\n"},
		{"x\n1\n2\n3\n4\n5\n", "1\n2\n3\n4\n5\n", "-x\n 1\n 2\n 3\n ...\n"},
	} {
		if got := diffText(tt.old, tt.next); got != tt.want {
			t.Errorf("%q and %q:\n%s", tt.old, tt.next, got)
		}
	}
}

// By the difference, the one text becomes the other.
func FuzzDiffText(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Fuzz(func(t *testing.T, old, next string) {
		a, b := strings.Split(old, "\n"), strings.Split(next, "\n")
		var was, is []string
		for _, line := range diffLines(a, b) {
			if line[0] != '+' {
				was = append(was, line[1:])
			}
			if line[0] != '-' {
				is = append(is, line[1:])
			}
		}
		if strings.Join(was, "\n") != old || strings.Join(is, "\n") != next {
			t.Errorf("%q and %q: %q, %q", old, next, was, is)
		}
		_ = diffText(old, next)
	})
}
