package settle

import (
	"flag"
	"testing"
	"time"
)

// The random runs are repeated by their seed:
//
//	go test ./cluster/settle -run TestRandomFarms -settle.seed 4711 -settle.runs 1
var (
	seedFlag = flag.Uint64("settle.seed", 1, "first seed of the random runs")
	runsFlag = flag.Int("settle.runs", 0, "random runs; 0 for as many as fit into CI")
)

// storm is how long faults, losses and new flows go on in a run.
const storm = 15 * time.Second

// simulate runs one farm and returns what went wrong.
func simulate(seed uint64) (w *world, problem string) {
	w = newWorld(seed)
	w.Run(storm)
	w.calm()
	if w.Violation != "" {
		return w, w.Violation
	}
	for _, h := range w.hosts {
		if h.c == nil || h.hung {
			return w, h.name + " does not run after the storm"
		}
		if s := h.s.Status(); !s.Settled {
			return w, h.name + " has not settled, waiting for members or for its own flows to end"
		}
		if h.held == 0 || h.lets() != h.held {
			return w, h.name + " serves nothing after the storm"
		}
	}
	messages, scans := w.messages, w.scans
	w.Run(20 * time.Second)
	if w.messages != messages || w.scans != scans {
		return w, "scans or messages on a quiet farm"
	}
	return w, w.Violation
}

func TestRandomFarms(t *testing.T) {
	runs := *runsFlag
	if runs == 0 {
		runs = 12
		if testing.Short() {
			runs = 2
		}
	}
	checked, messages, scans := 0, 0, 0
	for i := range runs {
		seed := *seedFlag + uint64(i)
		w, problem := simulate(seed)
		if problem != "" {
			t.Fatalf("seed %d: %s", seed, problem)
		}
		checked, messages, scans = checked+w.checked, messages+w.messages, scans+w.scans
	}
	t.Logf("%d runs from seed %d: %d reports, %d scans, %d times settled beside others' flows",
		runs, *seedFlag, messages, scans, checked)
	if checked == 0 {
		t.Error("nothing was ever settled while others had flows: the check checks nothing")
	}
}
