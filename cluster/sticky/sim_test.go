package sticky

import (
	"flag"
	"testing"
	"time"
)

// The random runs are repeated by their seed:
//
//	go test ./cluster/sticky -run TestRandomFarms -sticky.seed 4711 -sticky.runs 1
var (
	seedFlag = flag.Uint64("sticky.seed", 1, "first seed of the random runs")
	runsFlag = flag.Int("sticky.runs", 0, "random runs; 0 for as many as fit into CI")
)

// storm is how long faults and changes go on in a run.
const storm = 20 * time.Second

// simulate runs one farm and returns what went wrong: a SYN that two hosts answer,
// or, once all is quiet, a client that nobody does.
func simulate(seed uint64, m mutation) (w *world, problem string) {
	w = newWorld(seed, true, m)
	w.Run(storm)
	if m != 0 {
		return w, w.Violation
	}
	w.faults, w.changes = false, false
	w.Run(9 * time.Second)
	calm := w.Now
	w.Run(12 * time.Second)
	for c, s := range w.sessions {
		if w.Violation == "" && (s.at == nil || s.seen < calm) {
			w.Violate("client %d is not served after the storm", c)
		}
	}
	return w, w.Violation
}

func runs(t *testing.T, usual int) int {
	switch {
	case *runsFlag > 0:
		return *runsFlag
	case testing.Short():
		return 3
	}
	return usual
}

func TestRandomFarms(t *testing.T) {
	var accepted, byHolder, messages int
	n := runs(t, 25)
	for i := range n {
		seed := *seedFlag + uint64(i)
		w, problem := simulate(seed, 0)
		if problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
		accepted, byHolder, messages = accepted+w.accepted, byHolder+w.byHolder, messages+w.messages
	}
	t.Logf("%d runs from seed %d: %d SYNs answered, %d of them by holders, %d messages", n, *seedFlag, accepted, byHolder, messages)
	if byHolder == 0 {
		t.Error("no holder ever served a client: the check checks nothing")
	}
}

// In planned changes no client leaves its node before it has been idle.
func TestPlannedChangesLoseNoSession(t *testing.T) {
	var accepted, byHolder int
	n := runs(t, 12)
	for i := range n {
		seed := *seedFlag + uint64(i)
		w := newWorld(seed, false, 0)
		w.Run(40 * time.Second)
		if w.Violation != "" || w.lost > 0 {
			t.Fatalf("seed %d: %d sessions lost; %s", seed, w.lost, w.Violation)
		}
		accepted, byHolder = accepted+w.accepted, byHolder+w.byHolder
	}
	t.Logf("%d runs from seed %d: %d SYNs answered, %d of them by holders", n, *seedFlag, accepted, byHolder)
	if byHolder == 0 {
		t.Error("no holder ever served a client: the check checks nothing")
	}
}

// These parts of the rules are there for a reason: without one a run goes wrong. Four
// more are too rare to show in 300 runs since a new process waits for its predecessor's
// grant: mutAnyAnswer, mutFromReceipt, mutGrantAll and mutReturnKept. Before that they
// showed in the runs 104, 107, 72 and 107.
func TestMutationsAreCaught(t *testing.T) {
	const most = 300
	for i, tt := range []struct {
		name string
		m    mutation
		from uint64 // skip this many runs that are known not to show it
	}{
		{"a silent holder is dead", mutNoHold, 0},
		{"a holder needs no grant", mutNoGrant, 0},
		{"nobody is asked", mutNoAsk, 0},
		{"answers are never forgotten", mutNoForget, 0},
		{"one answer is enough", mutOneAnswer, 0},
		{"packets under way are not waited for", mutNoLinger, 0},
		{"remembered over a fence", mutFenceKept, 233},
		{"a successor speaks at once", mutEarlySuccessor, 1020},
	} {
		if raceEnabled && i%2 > 0 {
			continue // nothing here runs beside anything else
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i := range uint64(most) {
				seed := *seedFlag + tt.from + i
				if _, problem := simulate(seed, tt.m); problem != "" {
					t.Logf("seed %d: %s", seed, problem)
					return
				}
			}
			t.Errorf("not noticed in %d runs from seed %d", most, *seedFlag+tt.from)
		})
	}
}
