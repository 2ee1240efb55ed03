package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"thresher/cluster/confirm"
)

// agreed returns the view that all machines that run state, if it is one of them all.
func (w *world) agreed() (id confirm.ViewID, ok bool) {
	var running []*machine
	for _, m := range w.machines {
		if m.running() && m.node != nil && !m.left {
			running = append(running, m)
		}
	}
	first := running[0].node.Stated()
	differs := func(m *machine) bool { return m.node.Stated().ID != first.ID }
	return first.ID, len(first.Members) == len(running) && !slices.ContainsFunc(running, differs)
}

// agreement plays one change of a farm of n, and returns after how long all state
// the new view.
func agreement(t *testing.T, n int, s scene, seed uint64) time.Duration {
	t.Helper()
	o := DefaultOptions()
	o.Nodes, o.Params, o.Loss, o.Late, o.Double = n, s.params, 0.001, 0, 0
	w := newWorld(seed, o)
	w.storm = true // for the losses; no faults are planned
	for _, m := range w.machines[n-s.absent:] {
		m.absent = true
	}
	w.runFor(4 * time.Second)
	before, ok := w.agreed()
	if !ok {
		t.Fatalf("seed %d: no view of all before the change", seed)
	}
	s.do(w)
	const step = time.Millisecond
	took := time.Duration(0)
	for after := before; (!ok || after == before) && took < 10*time.Second; took += step {
		w.runFor(step)
		after, ok = w.agreed()
	}
	if w.report.Violation != nil {
		t.Fatalf("seed %d: %v", seed, w.report.Violation)
	}
	return took
}

// However many nodes a farm has, all of them have one view within two seconds of what
// happened. The figures go into docs/protocol.md.
func TestManyAgree(t *testing.T) {
	sizes := []int{2, 8, 32}
	if raceEnabled {
		sizes = sizes[:2] // nothing here runs beside anything else
	}
	for _, n := range sizes {
		for _, s := range scenes() {
			if !slices.Contains([]string{"crash", "join", "leave", "weight change"}, s.name) {
				continue
			}
			t.Run(fmt.Sprintf("%d nodes, %s", n, s.name), func(t *testing.T) {
				t.Parallel()
				var all []time.Duration
				for i := range runs(max(2, 60/n)) {
					all = append(all, agreement(t, n, s, *seedFlag+uint64(i)))
				}
				t.Logf("one view after %s", spread(all))
				if worst := slices.Max(all); worst > 2*time.Second {
					t.Errorf("one view after %v", worst)
				}
			})
		}
	}
}
