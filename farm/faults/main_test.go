// Package faults breaks farms of the real program in every way of the list in
// docs/faults.md and holds what its clients notice against what they may.
//
//	go test ./farm/faults                    the short form
//	go test ./farm/faults -faults.long -timeout 4h   with the counts of the list
package faults

import (
	"flag"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// binary is the program under test, built once.
var binary string

// long asks for the counts that take hours.
var long = flag.Bool("faults.long", false, "break the farm as often and as long as docs/faults.md says")

func TestMain(m *testing.M) {
	lab.BeEchoProcess()
	flag.Parse()
	if err := flag.Set("test.parallel", "2"); err != nil {
		panic(err)
	}
	leftout.Exit(programtest.Run(m, &binary))
}

// twoAtATime has a test run beside another one, when those are over that want the
// machine: a farm takes a quarter of two processors, and mostly waits. In the long
// form, whose figures docs/faults.md has, each runs alone.
func twoAtATime(t *testing.T) {
	t.Helper()
	if !*long {
		t.Parallel()
	}
}

// clock is how a moment is written.
const clock = "15:04:05.000"

// takeoverLimit is how long the clients of a node that is lost may be without
// service (docs/faults.md, R1).
const takeoverLimit = 1500 * time.Millisecond

// afterLoss is how long clients are watched after a loss: to the limit, and whether they
// are served from then on.
func afterLoss() time.Duration { return takeoverLimit + short(500*time.Millisecond, takeoverLimit) }

// leaseLimit is how long after its last heartbeat a node may let flows in: the
// lease of 600 ms, and what a busy machine adds.
const leaseLimit = 650 * time.Millisecond

// short picks the count or the time of this run.
func short[N int | time.Duration](few, many N) N {
	if *long {
		return many
	}
	return few
}

// farmLimit is how long a farm may live.
func farmLimit() time.Duration { return short(5*time.Minute, 6*time.Hour) }

// newFarm is a farm with an echo server on each node, that serves.
func newFarm(t *testing.T, c lab.Config, o lab.FarmOptions) *farmtest.Farm {
	t.Helper()
	if len(o.TCPPorts) == 0 {
		o.TCPPorts = []int{farmtest.EchoPort}
	}
	if o.Affinity == "" {
		o.Affinity = "session"
	}
	f := farmtest.NewFor(t, binary, farmLimit(), c, o)
	f.StartEcho(f.Nodes...)
	f.StartAll()
	return f
}

// three is the farm of most faults.
func three(t *testing.T) *farmtest.Farm {
	t.Helper()
	return newFarm(t, lab.Config{Nodes: 3, Clients: 2, ClientAddresses: 8}, lab.FarmOptions{})
}

// fault is one way to break a farm of three.
type fault struct {
	name string // its id and what it is
	run  func(*farmtest.Farm)
}

// onOneFarm runs faults that can be mended one after the other on one farm. One
// that the farm fails at gets the next a new one.
func onOneFarm(t *testing.T, faults []fault) {
	t.Helper()
	var f *farmtest.Farm
	for _, c := range faults {
		if f == nil {
			f = three(t)
		}
		if !f.Run(c.name, func(f *farmtest.Farm) { c.run(f); mend(f) }) {
			f.Must(f.Close())
			f = nil
		}
	}
}

// mend starts what has died and waits until all nodes serve again.
func mend(f *farmtest.Farm) {
	f.T.Helper()
	for _, n := range f.Nodes {
		if !f.Running(n) {
			f.Start(n)
		}
	}
	f.Converge(f.Nodes...)
}

// split takes the parts that most faults need: the node to break, and the others.
func split(f *farmtest.Farm) (victim *lab.Node, others []*lab.Node) {
	victim = f.Nodes[len(f.Nodes)-1]
	return victim, f.Others(victim)
}
