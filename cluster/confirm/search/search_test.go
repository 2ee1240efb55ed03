package search

import (
	"flag"
	"testing"

	"thresher/cluster/confirm/internal/mutation"
	"thresher/cluster/internal/mutant"
)

// deepFlag raises the bounds to those of docs/protocol.md, which take minutes.
var deepFlag = flag.Bool("search.deep", false, "search as deep as docs/protocol.md says; takes minutes")

func TestEverySchedule(t *testing.T) {
	tests := []struct {
		name     string
		ci, deep Options
	}{
		{name: "two nodes", ci: Options{Nodes: 2, Ticks: 13, Faults: 3}, deep: Options{Nodes: 2, Ticks: 13, Faults: 4}},
		{name: "three nodes", ci: Options{Nodes: 3, Ticks: 13, Faults: 2}, deep: Options{Nodes: 3, Ticks: 13, Faults: 3}},
		{name: "two nodes heal", ci: Options{Nodes: 2, Ticks: 13, Faults: 2, Heal: 25}, deep: Options{Nodes: 2, Ticks: 13, Faults: 3, Heal: 25}},
		{name: "three nodes heal", ci: Options{Nodes: 3, Ticks: 11, Faults: 2, Heal: 25}, deep: Options{Nodes: 3, Ticks: 13, Faults: 2, Heal: 25}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.ci
			switch {
			case *deepFlag:
				o = tt.deep
			case raceEnabled || testing.Short():
				o.Faults--
			}
			o.Params = ShortParams()
			r := Run(o)
			if r.Violation != "" {
				t.Fatal(r.Violation)
			}
			t.Logf("%d nodes, at most %d faults in %d ticks: %d schedules, %d ticks", o.Nodes, o.Faults, o.Ticks, r.Schedules, r.Ticks)
		})
	}
}

// What the search finds when a part of the rules is missing, with how few faults.
func TestMutationsAreFound(t *testing.T) {
	const gone = mutation.SilentIsGone
	tests := []struct {
		name string
		with string // another one besides; "" for none
		o    Options
	}{
		{"no lease", "", Options{Nodes: 2, Ticks: 14, Faults: 1}},
		{"no rule 3", gone, Options{Nodes: 2, Ticks: 10, Faults: 1}},
		{"no wait", gone, Options{Nodes: 2, Ticks: 10, Faults: 1}},
		{"one phase", gone, Options{Nodes: 2, Ticks: 10, Faults: 2}},
		{"no start wait", "", Options{Nodes: 2, Ticks: 10, Faults: 3}},
		{"map kept", "", Options{Nodes: 2, Ticks: 10, Faults: 2}},
	}
	broken := mutant.Build(t, "..", mutation.All())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Params = ShortParams()
			broken.Run(t, func() { found(t, tt.o) }, tt.name, tt.with)
		})
	}
}

// found searches, and wants a violation.
func found(t *testing.T, o Options) {
	t.Helper()
	r := Run(o)
	if r.Violation == "" {
		t.Fatalf("not found in %d schedules", r.Schedules)
	}
	t.Logf("after %d schedules: %s", r.Schedules, r.Violation)
}
