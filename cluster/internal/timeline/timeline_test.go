package timeline

import (
	"slices"
	"testing"
	"time"
)

func TestEventsComeInOrder(t *testing.T) {
	l := New(1)
	var got []int
	note := func(i int) func() { return func() { got = append(got, i) } }
	l.After(2*time.Second, note(3))
	l.After(time.Second, note(1))
	l.After(time.Second, func() { note(2)(); l.After(5*time.Second, note(4)) })
	l.After(9*time.Second, note(5))
	l.Run(3 * time.Second)
	if want := []int{1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("after 3 s %v, want %v", got, want)
	}
	l.Run(10 * time.Second)
	if want := []int{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("in the end %v, want %v", got, want)
	}
}

func TestABrokenRuleEndsTheRun(t *testing.T) {
	l := New(1)
	checks := 0
	l.Check = func() {
		if checks++; checks == 2 {
			l.Violate("rule %d", checks)
			l.Violate("another")
		}
	}
	for range 5 {
		l.After(time.Second, func() {})
	}
	l.Run(time.Minute)
	if want := "at 2s: rule 2"; l.Violation != want || checks != 2 {
		t.Errorf("%q after %d checks, want %q after 2", l.Violation, checks, want)
	}
}

func TestARunDependsOnItsSeedAlone(t *testing.T) {
	a, b, c := New(7), New(7), New(8)
	x, y, z := a.Within(time.Hour), b.Within(time.Hour), c.Within(time.Hour)
	if x != y || x == z || a.Chance(0.5) != b.Chance(0.5) {
		t.Errorf("seeds 7, 7, 8 give %v, %v, %v", x, y, z)
	}
}
