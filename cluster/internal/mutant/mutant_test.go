package mutant

import (
	"strings"
	"testing"
)

const text = "package p\n\nfunc f(a, b bool) bool { return a && b }\n\nfunc g() bool { return true }\n"

func TestApply(t *testing.T) {
	mutants := []Mutant{
		New("no b", "goes by a alone", In("p.go", "a && b", "a && (b || broken)"), In("q.go", "x", "broken")),
		New("no f", "says something else", In("p.go", "{ return a", "{ if broken { return unbroken }; return a")),
	}
	if _, err := apply("p.go", text, mutants); err == nil || !strings.Contains(err.Error(), "two mutants touch") {
		t.Errorf("edits of the same text: %v", err)
	}
	mutants[1].Edits[0] = In("p.go", "bool) bool {", "bool) bool { if broken { return unbroken };")
	got, err := apply("p.go", text, mutants)
	want := "package p\n\nfunc f(a, b bool) bool { if mutated[\"no f\"] { return unbroken }; return a && (b || mutated[\"no b\"]) }\n\nfunc g() bool { return true }\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		edit       Edit
	}{
		{"text that is not there", "0 times", In("p.go", "a || b", "broken")},
		{"text that is there twice", "2 times", In("p.go", "bool {", "bool { if broken {}")},
		{"what is always broken", "no condition", In("p.go", "a && b", "a")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := apply("p.go", text, []Mutant{New("m", "breaks", tt.edit)})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func TestOnly(t *testing.T) {
	if got, want := only("TestA/what_(is)/b"), `^TestA$/^what_\(is\)$/^b$`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSaid(t *testing.T) {
	out := "=== RUN   TestA\n=== RUN   TestA/b\n    a_test.go:70: OVERLAP after 1 runs\n        of two\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nPASS\n"
	if got, want := said(out), "OVERLAP after 1 runs\nof two"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
