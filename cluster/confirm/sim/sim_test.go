package sim

import (
	"flag"
	"os"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 1, "first seed of the random runs")
	runsFlag  = flag.Int("sim.runs", 60, "number of random runs of each campaign")
	traceFlag = flag.Bool("sim.trace", false, "write what happens in the first run to standard error")
)

func TestAll(t *testing.T) {
	o := DefaultOptions()
	if *traceFlag {
		o.Trace = os.Stderr
	}
	var events uint64
	var healed time.Duration
	for i := range *runsFlag {
		r := Run(*seedFlag+uint64(i), o)
		events += r.Events
		healed = max(healed, r.Healed)
		if r.Violation != nil {
			t.Errorf("seed %d: %v", r.Seed, r.Violation)
		}
		o.Trace = nil
	}
	t.Log(events, healed)
}
