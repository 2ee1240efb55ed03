package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// scene is one planned or unplanned change of a farm of four that is otherwise
// at peace: 0.1 % of the messages lost, 0.1-1 ms of delay, clocks off by up to 1 %.
type scene struct {
	name   string
	params confirm.Params
	absent int  // machines that are not there in the beginning
	bounce bool // the last machine's buckets move though they come back
	do     func(w *world)
	// most is the longest that a moved bucket may be unserved, and 0 for a scene
	// in which none moves.
	most time.Duration
	// half is what at least half of them must stay under.
	half time.Duration
}

func scenes() []scene {
	fast := confirm.DefaultParams()
	last := func(w *world) *machine { return w.machines[len(w.machines)-1] }
	crash := func(w *world) { last(w).crash(); w.opinions(last(w), false, 350, 740) }
	hang := func(w *world) { last(w).hang(); w.opinions(last(w), false, 350, 740) }
	leave := func(w *world) { w.leaveOrReturn(last(w)) }
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	join := func(w *world) { last(w).absent = false; last(w).boot(0); w.opinions(last(w), true, 10, 200) }
	comeBack := func(w *world) { leave(w); w.runFor(time.Second); w.before(); leave(w) }
	restart := func(w *world) { last(w).crash(); w.at(ms(100), func() { last(w).boot(0) }) }
	return []scene{
		{name: "crash", params: fast, do: crash, most: ms(700), half: ms(630)},
		{name: "crash, fastest", params: confirm.FastestParams(), do: crash, most: ms(370), half: ms(330)},
		{name: "hang", params: fast, do: hang, most: ms(700), half: ms(630)},
		{name: "join", params: fast, absent: 1, do: join, most: ms(120), half: ms(15)},
		{name: "leave", params: fast, do: leave, most: ms(120), half: ms(15)},
		{name: "return from drain", params: fast, do: comeBack, most: ms(120), half: ms(15)},
		{name: "weight change", params: fast, do: func(w *world) { w.reweigh(last(w)) }, most: ms(120), half: ms(15)},
		{name: "quick restart", params: fast, bounce: true, do: restart, most: ms(250), half: ms(130)},
		{name: "hand-over", params: fast, do: func(w *world) { last(w).handOver(ms(80)) }},
	}
}

// before notes who lets flows into which bucket, as of now.
func (w *world) before() { w.owners = w.owned() }

// owned returns for each bucket the machine that lets flows into it, -1 for none.
func (w *world) owned() [shares.Buckets]int {
	var owners [shares.Buckets]int
	for b := range owners {
		owners[b] = -1
		for i, m := range w.machines {
			if m.open()&(1<<b) != 0 {
				owners[b] = i
			}
		}
	}
	return owners
}

// outcome is how long buckets were unserved in a scene.
type outcome struct{ moved, kept []time.Duration }

// play runs one scene.
func play(t *testing.T, s scene, seed uint64) outcome {
	t.Helper()
	o := DefaultOptions()
	o.Params, o.Loss, o.Late, o.Double = s.params, 0.001, 0, 0
	w := newWorld(seed, o)
	w.storm = true // for the losses; no faults are planned
	for _, m := range w.machines[o.Nodes-s.absent:] {
		m.absent = true
	}
	w.runFor(4*time.Second + w.between(0, 100*time.Millisecond))
	w.before()
	s.do(w)
	gaps := w.watch(2 * time.Second)
	if w.report.Violation != nil {
		t.Fatalf("seed %d: %v", seed, w.report.Violation)
	}
	var out outcome
	after := w.owned()
	for b, gap := range gaps {
		if after[b] < 0 {
			t.Fatalf("seed %d: bucket %d is unserved in the end", seed, b)
		}
		bounced := s.bounce && after[b] == len(w.machines)-1
		if after[b] == w.owners[b] && !bounced {
			out.kept = append(out.kept, gap)
		} else {
			out.moved = append(out.moved, gap)
		}
	}
	return out
}

// watch returns for how long each bucket was unserved by a machine that runs: a
// dead or hung machine's kernel is open, but serves nobody.
func (w *world) watch(d time.Duration) [shares.Buckets]time.Duration {
	const step = 250 * time.Microsecond
	var gaps [shares.Buckets]time.Duration
	for range d / step {
		w.runFor(step)
		served := uint64(0)
		for _, m := range w.machines {
			if m.running() {
				served |= m.open()
			}
		}
		for b := range gaps {
			if served&(1<<b) == 0 {
				gaps[b] += step
			}
		}
	}
	return gaps
}

// Kept buckets never pause, and moved ones are served again soon. The figures go
// into docs/protocol.md: go test ./cluster/confirm/sim -run TestFigures -v -sim.runs 400
func TestFigures(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var all outcome
			for i := range runs(60) {
				one := play(t, s, *seedFlag+uint64(i))
				all.moved, all.kept = append(all.moved, one.moved...), append(all.kept, one.kept...)
			}
			t.Logf("moved %s; kept %s", spread(all.moved), spread(all.kept))
			if worst := slices.Max(all.kept); worst > 0 {
				t.Errorf("kept buckets paused for up to %v", worst)
			}
			checkMoved(t, s, all.moved)
		})
	}
}

// checkMoved holds the moved buckets' gaps against what the scene allows.
func checkMoved(t *testing.T, s scene, moved []time.Duration) {
	t.Helper()
	if s.most == 0 {
		if len(moved) > 0 {
			t.Errorf("%d buckets moved, want none", len(moved))
		}
		return
	}
	if len(moved) == 0 {
		t.Fatal("no bucket moved")
	}
	if got := quantile(moved, 0.5); got > s.half {
		t.Errorf("half of the moved buckets were unserved for %v or more, want at most %v", got, s.half)
	}
	if got := slices.Max(moved); got > s.most {
		t.Errorf("a moved bucket was unserved for %v, want at most %v", got, s.most)
	}
}

// spread tells count, median, 99th percentile and maximum.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: p50 %v, p99 %v, max %v", len(d), quantile(d, 0.5), quantile(d, 0.99), slices.Max(d))
}

func quantile[T cmp.Ordered](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1))]
}
