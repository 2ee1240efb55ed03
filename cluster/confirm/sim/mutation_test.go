package sim

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/internal/mutation"
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
	// What lingers hides the loss of rules that come before it.
	const gone = mutation.SilentIsGone
	tests := []struct {
		name     string
		mutation mutation.Set
		set      func(*Options)
		want     []Kind
	}{
		{"no lease", mutation.NoLease, only(Crash | Hang), []Kind{Overlap}},
		{"no rule 3", mutation.NoRule3, only(AllFaults), []Kind{Overlap}},
		{"no wait", mutation.NoWait | gone, only(Crash | Hang), []Kind{Overlap}},
		{"one phase", mutation.OnePhase | gone, only(Hang), []Kind{Overlap}},
		{"lease from receipt", mutation.LeaseFromReceipt, only(Cut), []Kind{Overlap}},
		{"no clock margin", mutation.NoClockMargin, only(Crash | Hang), []Kind{Overlap}},
		{"no start wait", mutation.NoStartWait, only(AllFaults), []Kind{Overlap}},
		{"no settling", mutation.NoSettle, only(Restart), []Kind{Disjoint}},
		{"hearing is not membership", mutation.HearingIsNotMembership | gone, only(Flap | Cut), []Kind{Disjoint, Unserved}},
		{"no relay", mutation.NoRelay, only(AllFaults &^ (Crash | Restart)), []Kind{Disjoint}},
		{"boots unordered", mutation.BootsUnordered | gone, only(Restart), []Kind{Overlap}},
		{"map kept", mutation.MapKept, only(Restart), []Kind{Overlap, Disjoint}},
		{"no echoes", mutation.NoEchoes, weights, []Kind{Overlap}},
		{"no stop", mutation.NoStop, only(Leave), []Kind{Overlap, Disjoint}},
		{"a stall is silence", mutation.StallIsSilence, only(Hang), []Kind{Deaf}},
		{"a stalled node does not listen", mutation.NoListening | gone, only(Hang), []Kind{Deaf}},
		{"boots prove nothing", mutation.BootsProve, restarts, []Kind{Overlap}},
		{"boots named in vain", mutation.RaiseIfNewer, setBack, []Kind{Disjoint, Unserved}},
		{"joiners forget early", mutation.ShortMemory, func(o *Options) {
			o.Nodes, o.Every, o.Loss, o.Faults = 2, 200*time.Millisecond, 0.30, AllFaults&^HandOver
		}, []Kind{Deaf, Disjoint}},
		{"own lease for others", mutation.OwnLease, mixed, []Kind{Overlap}},
		{"the silent are gone", mutation.SilentIsGone, only(Crash | Hang), []Kind{Ignored}},
		{"who joins blames the others", mutation.JoiningIsSilence, byMembership, []Kind{Deaf}},
		{"strangers make a majority", mutation.StrangersCount, majority, []Kind{Split}},
		{"lists make a majority", mutation.ListedAreAll, majorityOfMet, []Kind{Split}},
	}
	// Runs that are known not to show what shows rarely.
	rare := map[string]uint64{"boots unordered": 295, "a stalled node does not listen": 510}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := DefaultOptions()
			tt.set(&o)
			o.Mutation = tt.mutation
			caught(t, o, rare[tt.name], tt.want)
		})
	}
}

// mutationRuns bounds the search for a violation.
const mutationRuns = 4000

// caught runs until a violation of one of the kinds is found, from so many runs on.
func caught(t *testing.T, o Options, from uint64, want []Kind) {
	t.Helper()
	for i := range mutationRuns {
		v := Run(*seedFlag+from+uint64(i), o).Violation
		for _, kind := range want {
			if v != nil && v.Kind == kind {
				t.Logf("%s after %d runs", kind, i+1)
				return
			}
		}
	}
	t.Errorf("not noticed in %d runs", mutationRuns)
}
