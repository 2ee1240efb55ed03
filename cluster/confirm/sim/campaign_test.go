package sim

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
)

// campaign is a kind of weather that the protocol must survive.
type campaign struct {
	name string
	runs int // in CI
	set  func(*Options)
}

// campaigns are what the protocol is put through. The seeds of a run are the
// first seed and those after it.
func campaigns() []campaign {
	only := func(f Faults) func(*Options) { return func(o *Options) { o.Faults = f } }
	nodes := func(n int) func(*Options) { return func(o *Options) { o.Nodes = n } }
	dense := func(n int) func(*Options) {
		return func(o *Options) { o.Nodes, o.Every, o.Loss = n, 25*time.Millisecond, 0.30 }
	}
	return []campaign{
		{"all 2", 150, nodes(2)},
		{"all 3", 150, nodes(3)},
		{"all 4", 200, nodes(4)},
		{"all 6", 60, nodes(6)},
		{"all 8", 20, nodes(8)},
		{"all 32", 1, func(o *Options) { o.Nodes, o.Rounds, o.Storm, o.Every = 32, 1, 2*time.Second, 60*time.Millisecond }},
		{"cuts", 100, only(Cut)},
		{"crash and hang", 100, only(Crash | Hang)},
		{"hang", 100, only(Hang)},
		{"restarts", 100, func(o *Options) { o.Nodes, o.Faults = 3, Restart|HandOver }},
		{"leave and return", 100, func(o *Options) { o.Nodes, o.Faults = 3, Leave|Flap|Cut }},
		{"weights", 100, func(o *Options) { o.Nodes, o.Faults, o.Every = 3, Weight|Flap|Cut, 25*time.Millisecond }},
		{"planned", 100, only(Leave | Weight | HandOver)},
		{"dense 2", 100, dense(2)},
		{"dense 3", 100, dense(3)},
		{"fastest", 100, func(o *Options) { o.Params = confirm.FastestParams() }},
		{"wan", 20, func(o *Options) { o.Params, o.Storm, o.Quiet = confirm.WANParams(), 15*time.Second, 10*time.Second }},
		{"mixed profiles", 60, func(o *Options) { o.Mixed, o.Storm, o.Quiet = true, 6*time.Second, 5*time.Second }},
		{"one serves all", 100, func(o *Options) { o.Single = true }},
		{"one serves all, weights", 60, func(o *Options) {
			o.Single, o.Nodes, o.Faults, o.Every = true, 3, Weight|Flap|Cut|Leave, 25*time.Millisecond
		}},
		{"by the membership", 100, func(o *Options) { byMembership(o); o.Faults = AllFaults }},
		{"majority", 100, func(o *Options) { o.Params.Partition, o.Params.Nodes = confirm.Majority, o.Nodes }},
		{"majority of those met", 100, majorityOfMet},
	}
}

// majorityOfMet has nodes whose lists are incomplete want a majority of whom they have met.
// No process begins anew, which would have met nobody; and there is one storm, since who
// is in the middle of a planned restart when it ends begins anew too.
func majorityOfMet(o *Options) {
	o.Params.Partition, o.Params.Nodes, o.Met = confirm.Majority, o.Nodes, true
	o.Faults, o.Rounds, o.Storm = AllFaults&^(Crash|Restart), 1, 9*time.Second
}

// byMembership has heartbeats go by the membership, which a process must join before
// it hears anybody.
func byMembership(o *Options) {
	o.Nodes, o.Faults, o.Joining, o.Quiet = 3, HandOver, 2*time.Second, 6*time.Second
}

func TestCampaigns(t *testing.T) {
	for _, c := range campaigns() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := DefaultOptions()
			c.set(&o)
			var events uint64
			var healed time.Duration
			for i := range runs(c.runs) {
				o.Trace = traced(i)
				r := Run(*seedFlag+uint64(i), o)
				events, healed = events+r.Events, max(healed, r.Healed)
				if r.Violation != nil {
					t.Fatalf("-sim.seed %d -sim.runs 1: %v", r.Seed, r.Violation)
				}
			}
			t.Logf("%d runs from seed %d, %d events, served again within %v", runs(c.runs), *seedFlag, events, healed)
		})
	}
}

// A run must not depend on anything but its seed.
func TestRunsRepeat(t *testing.T) {
	o := DefaultOptions()
	for seed := range uint64(5) {
		if a, b := Run(seed, o), Run(seed, o); a.Events != b.Events || a.Healed != b.Healed {
			t.Errorf("seed %d: %d events and %v, then %d and %v", seed, a.Events, a.Healed, b.Events, b.Healed)
		}
	}
}
