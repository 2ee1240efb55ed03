package sim

import (
	"slices"
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/internal/mutation"
	"thresher/cluster/internal/mutant"
)

// Every part of the rules is there for a reason: without it the simulation finds
// a violation. The faults of each case are those that show it soonest.
func TestMutationsAreCaught(t *testing.T) {
	weights := func(o *Options) {
		o.Nodes, o.Every, o.Late, o.Faults = 2, 25*time.Millisecond, 0.30, Weight|Flap|Cut
	}
	only := func(f Faults) func(*Options) { return func(o *Options) { o.Faults = f } }
	mixed := func(o *Options) { o.Mixed, o.Quiet = true, 5*time.Second }
	majority := func(o *Options) {
		o.Nodes, o.Every, o.Loss, o.Faults = 3, 200*time.Millisecond, 0.30, Cut|Restart
		o.Params.Partition, o.Params.Nodes = confirm.Majority, 3
	}
	restarts := func(o *Options) { o.Nodes, o.Faults, o.Every = 2, Restart, 50*time.Millisecond }
	setBack := func(o *Options) {
		o.Nodes, o.Every, o.Loss, o.Faults = 2, 60*time.Millisecond, 0.05, Restart|Hang
	}
	const gone = mutation.SilentIsGone
	tests := []struct {
		name string
		with string // another one besides; "" for none
		set  func(*Options)
		want []Kind
	}{
		{"no lease", "", only(Crash | Hang), []Kind{Overlap}},
		{"no rule 3", "", only(AllFaults), []Kind{Overlap}},
		{"no wait", gone, only(Crash | Hang), []Kind{Overlap}},
		{"one phase", gone, only(Hang), []Kind{Overlap}},
		{"lease from receipt", "", only(Cut), []Kind{Overlap}},
		{"no clock margin", "", only(Crash | Hang), []Kind{Overlap}},
		{"no start wait", "", only(AllFaults), []Kind{Overlap}},
		{"no settling", "", only(Restart), []Kind{Disjoint}},
		{"hearing is not membership", gone, only(Flap | Cut), []Kind{Disjoint, Unserved}},
		{"no relay", "", only(AllFaults &^ (Crash | Restart)), []Kind{Disjoint}},
		{"boots unordered", gone, only(Restart), []Kind{Overlap}},
		{"map kept", "", only(Restart), []Kind{Overlap, Disjoint}},
		{"no echoes", "", weights, []Kind{Overlap}},
		{"no stop", "", only(Leave), []Kind{Overlap, Disjoint}},
		{"a stall is silence", "", only(Hang), []Kind{Deaf}},
		{"a stalled node does not listen", gone, only(Hang), []Kind{Deaf}},
		{"boots prove", "", restarts, []Kind{Overlap}},
		{"boots named in vain", "", setBack, []Kind{Disjoint, Unserved}},
		{"joiners forget early", "", func(o *Options) {
			o.Nodes, o.Every, o.Loss, o.Faults = 2, 200*time.Millisecond, 0.30, AllFaults&^HandOver
		}, []Kind{Deaf, Disjoint}},
		{"own lease for others", "", mixed, []Kind{Overlap}},
		{gone, "", only(Crash | Hang), []Kind{Ignored}},
		{"who joins blames the others", "", byMembership, []Kind{Deaf}},
		{"strangers make a majority", "", majority, []Kind{Split}},
		{"lists make a majority", "", majorityOfMet, []Kind{Split}},
	}
	// Runs that are known not to show what shows rarely.
	rare := map[string]uint64{"boots unordered": 295, "a stalled node does not listen": 510}
	all := mutation.All()
	if len(tests) != len(all) {
		t.Errorf("%d of %d mutants are tried", len(tests), len(all))
	}
	broken := mutant.Build(t, "..", all)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := DefaultOptions()
			tt.set(&o)
			broken.Run(t, func() { mutant.Caught(t, *seedFlag+rare[tt.name], mutationRuns, of(o, tt.want)) }, tt.name, tt.with)
		})
	}
}

// mutationRuns bounds the search for a violation.
const mutationRuns = 4000

// of tells of the run of a seed which of these kinds of violation it had; "" for none.
func of(o Options, kinds []Kind) func(seed uint64) string {
	return func(seed uint64) string {
		if v := Run(seed, o).Violation; v != nil && slices.Contains(kinds, v.Kind) {
			return string(v.Kind)
		}
		return ""
	}
}
