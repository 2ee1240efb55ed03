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

// storms runs one farm through a storm, in which two hosts must not answer one SYN.
func storms(seed uint64) *world {
	w := newWorld(seed, true)
	w.Run(storm)
	return w
}

// simulate runs one farm and returns what went wrong: a SYN that two hosts answer,
// or, once all is quiet, a client that nobody does.
func simulate(seed uint64) (w *world, problem string) {
	w = storms(seed)
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
		w, problem := simulate(seed)
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
		w := newWorld(seed, false)
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
