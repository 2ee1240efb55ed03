package sim

import (
	"flag"
	"io"
	"os"
	"testing"
)

// The random runs are repeated by their seed:
//
//	go test ./cluster/confirm/sim -run 'TestCampaigns/all_4' -sim.seed 4711 -sim.runs 1 -sim.trace
//
// and go on for long with -sim.runs.
var (
	seedFlag  = flag.Uint64("sim.seed", 1, "first seed of the random runs")
	runsFlag  = flag.Int("sim.runs", 0, "random runs of each campaign; 0 for as many as fit into CI")
	traceFlag = flag.Bool("sim.trace", false, "write what happens in the first run of each campaign")
)

// runs returns how many runs to do where CI does n.
func runs(n int) int {
	if *runsFlag > 0 {
		return *runsFlag
	}
	if testing.Short() || raceEnabled {
		return max(1, n/10)
	}
	return n
}

// traced returns where to write what happens in a campaign's run.
func traced(run int) io.Writer {
	if *traceFlag && run == 0 {
		return os.Stdout
	}
	return nil
}
