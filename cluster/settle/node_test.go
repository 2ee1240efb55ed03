package settle

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

const start = confirm.Time(time.Second)

// bench drives node "a", boot 10, against peers that the test plays.
type bench struct {
	t   *testing.T
	n   *Node
	now confirm.Time
	out Actions // of the last event
}

func newBench(t *testing.T) *bench {
	n, a := New("a", 10, Params{}, []confirm.RuleID{simRule}, start)
	return &bench{t, n, start, a}
}

// do passes time and gives an event.
func (b *bench) do(after time.Duration, event func(now confirm.Time) Actions) {
	b.now = b.now.Add(after)
	b.out = event(b.now)
}

func (b *bench) tick(after time.Duration) { b.do(after, b.n.Tick) }

// state has the node state a view that gives it some buckets.
func (b *bench) state(view confirm.ViewID, mask, release uint64) {
	own := shares.Set(mask)
	b.do(0, func(now confirm.Time) Actions {
		return b.n.State(now, State{Boot: 10, View: view, Own: own, Held: own, Release: release})
	})
}

// members tells of peers by name: alive ones with boot 20.
func (b *bench) members(standing map[string]Standing) {
	var list []Member
	for name, s := range standing {
		list = append(list, Member{name, 20, s})
	}
	b.do(0, func(now confirm.Time) Actions { return b.n.Members(now, list) })
}

func (b *bench) report(r Report) {
	r.Name, r.Boot, r.Rules = "b", max(r.Boot, 20), []confirm.RuleID{simRule}
	b.do(0, func(now confirm.Time) Actions { return b.n.Receive(now, &r) })
}

func (b *bench) heard(boot, seq, release uint64, stated confirm.ViewID) {
	hb := &confirm.Heartbeat{Name: "b", Boot: boot, Seq: seq, Release: release, Stated: stated, Target: stated}
	b.do(0, func(now confirm.Time) Actions { return b.n.Heard(now, hb) })
}

// leaving has b say that it leaves.
func (b *bench) leaving() {
	hb := &confirm.Heartbeat{Name: "b", Boot: 20, Seq: 100, Release: 3, Phase: confirm.Leaving}
	b.do(0, func(now confirm.Time) Actions { return b.n.Heard(now, hb) })
}

// scanned scans at once and finds the flows.
func (b *bench) scanned(mask uint64) {
	b.do(time.Millisecond, func(now confirm.Time) Actions {
		return b.n.Scanned(now, now.Add(-time.Millisecond), shares.Set(mask))
	})
}

// unsettled checks which of the first 12 buckets are unsettled.
func (b *bench) unsettled(what string, want uint64) {
	b.t.Helper()
	if got := shares.Mask(b.out.Unsettled) & (1<<simBuckets - 1); got != want {
		b.t.Errorf("%s: %012b unsettled, want %012b", what, got, want)
	}
}

const (
	mine  = 0b000000001111
	every = 0b111111111111
)

// alone brings a to where it holds mine, has scanned and is alone.
func (b *bench) alone() {
	b.state(1, mine, 0)
	b.tick(10 * time.Millisecond)
	if !b.out.Scan {
		b.t.Fatal("no scan 10 ms after the start")
	}
	b.scanned(0)
}

// A new process may have flows of the last one, until a scan.
func TestStartAlone(t *testing.T) {
	b := newBench(t)
	b.unsettled("at the start", every)
	b.state(1, mine, 0)
	b.unsettled("what it holds is settled, nobody is there", every&^mine)
	b.tick(9 * time.Millisecond)
	if b.out.Scan || b.out.Wake != start.Add(10*time.Millisecond) {
		t.Errorf("after 9 ms: scan %v, wake %v", b.out.Scan, b.out.Wake)
	}
	b.tick(time.Millisecond)
	b.scanned(0b100000000001)
	b.unsettled("an own and a foreign bucket have flows", 0b100000000000)
	b.tick(2 * time.Second)
	if !b.out.Scan {
		t.Error("no scan while foreign flows are here")
	}
	b.scanned(0)
	b.unsettled("they have ended", 0)
	if s := b.n.Status(); !s.Settled || b.out.Wake != 0 {
		t.Errorf("status %+v, wake %v on a quiet farm", s, b.out.Wake)
	}
}

// A scan that began less than 10 ms after the loss is done again.
func TestScanBegunTooEarly(t *testing.T) {
	b := newBench(t)
	b.alone()
	b.state(2, 0b0011, 1)
	b.unsettled("lost", 0b1100)
	early := b.now.Add(9 * time.Millisecond)
	b.do(30*time.Millisecond, func(now confirm.Time) Actions { return b.n.Scanned(now, early, confirm.Buckets{}) })
	b.unsettled("scanned too early", 0b1100)
	if !b.out.Scan {
		t.Error("no other scan")
	}
	b.scanned(0b1000)
	b.unsettled("scanned", 0b1000)
}

func TestFailedScanIsTriedAgain(t *testing.T) {
	b := newBench(t)
	b.tick(10 * time.Millisecond)
	b.do(0, b.n.ScanFailed)
	if b.out.Scan || b.out.Wake != b.now.Add(scanRetry) {
		t.Errorf("scan %v, wake %v", b.out.Scan, b.out.Wake)
	}
	b.tick(scanRetry)
	if !b.out.Scan {
		t.Error("no scan after the wait")
	}
}

// A report settles what the reporter says it has no flows in, if it is of the
// present.
func TestWhatAReportSettles(t *testing.T) {
	good := Report{Seq: 5, View: 1, Release: 3}
	change := func(f func(*Report)) Report { r := good; f(&r); return r }
	for _, tt := range []struct {
		name   string
		report Report
		want   uint64
	}{
		{"of the present", good, 0},
		{"with flows", change(func(r *Report) { r.Flows = shares.Set(0b100000000101) }), 0b0101},
		{"of another view", change(func(r *Report) { r.View = 2 }), mine},
		{"of no view, of one that has one", change(func(r *Report) { r.View = 0 }), mine},
		{"before the last release", change(func(r *Report) { r.Release = 2 }), mine},
		{"of a release not heard of yet", change(func(r *Report) { r.Release = 4 }), 0},
		{"of a new process", change(func(r *Report) { r.Boot = 21 }), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.alone()
			b.members(map[string]Standing{"b": Alive})
			b.heard(20, 1, 3, 1)
			b.unsettled("before", mine)
			b.report(tt.report)
			b.unsettled("after", tt.want)
		})
	}
}

// settledPair is a beside b, all settled.
func settledPair(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.alone()
	b.members(map[string]Standing{"b": Alive})
	b.heard(20, 1, 3, 1)
	b.report(Report{Seq: 5, View: 1, Release: 3})
	b.unsettled("pair", 0)
	return b
}

// What happens to a peer makes it report anew, or not.
func TestPeerChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*bench)
		want   uint64
	}{
		{"an old heartbeat", func(b *bench) { b.heard(19, 9, 9, 2) }, 0},
		{"another view, nothing released", func(b *bench) { b.heard(20, 2, 3, 2) }, 0},
		{"released", func(b *bench) { b.heard(20, 2, 4, 1) }, mine},
		{"new process", func(b *bench) { b.heard(21, 1, 0, 0) }, mine},
		{"an old report", func(b *bench) { b.report(Report{Seq: 4, View: 1, Release: 3, Flows: shares.Set(1)}) }, 0},
		{"a newer one", func(b *bench) { b.report(Report{Seq: 6, View: 2, Release: 3, Flows: shares.Set(1)}) }, 1},
		{"vanished", func(b *bench) { b.members(map[string]Standing{"b": Gone}) }, 0},
		{"vanished and back", func(b *bench) { b.members(nil); b.members(map[string]Standing{"b": Alive}) }, mine},
		{"left, gained", func(b *bench) {
			b.leaving()
			b.members(map[string]Standing{"b": Left})
			b.state(2, every, 0)
		}, 0},
		{"left as nobody has heard it, gained", func(b *bench) { b.members(map[string]Standing{"b": Left}); b.state(2, every, 0) }, every &^ mine},
		{"an old goodbye, gained", func(b *bench) {
			b.leaving()
			b.heard(21, 1, 0, 1)
			b.members(map[string]Standing{"b": Left})
			b.state(2, every, 0)
		}, every},
		{"vanished, gained", func(b *bench) { b.members(nil); b.state(2, every, 0) }, every &^ mine},
		{"vanished, gained, held", func(b *bench) { b.members(nil); b.state(2, every, 0); b.tick(time.Minute) }, 0},
		{"fenced", func(b *bench) { b.do(0, b.n.Fenced) }, mine},
		{"fenced, the old report again", func(b *bench) {
			b.do(0, b.n.Fenced)
			b.report(Report{Seq: 5, View: 1, Release: 3})
		}, mine},
		{"fenced, an answer", func(b *bench) {
			b.do(0, b.n.Fenced)
			b.report(Report{Seq: 5, View: 1, Release: 3, EchoBoot: 10, EchoSeq: b.out.Send[0].Report.Seq})
		}, 0},
		{"a joiner", func(b *bench) { b.members(map[string]Standing{"b": Alive, "c": Alive}) }, mine},
		{"a stranger vanished", func(b *bench) { b.members(map[string]Standing{"b": Alive, "c": Gone}) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := settledPair(t)
			tt.change(b)
			b.unsettled("after", tt.want)
		})
	}
}

// Whom reports go to, and when.
func TestSending(t *testing.T) {
	b := newBench(t)
	b.alone()
	b.members(map[string]Standing{"b": Alive})
	if len(b.out.Send) != 1 || b.out.Send[0].To != "b" || !b.out.Send[0].Report.Answer {
		t.Fatalf("to a new member: %+v, want one that asks", b.out.Send)
	}
	b.tick(5*time.Second - 1)
	if len(b.out.Send) != 0 {
		t.Errorf("asked again too soon: %+v", b.out.Send)
	}
	b.tick(1)
	if len(b.out.Send) != 1 {
		t.Errorf("not asked again after 5 s: %+v", b.out.Send)
	}
	b.heard(20, 1, 3, 1)
	b.report(Report{Seq: 5, View: 1, Release: 3, Answer: true})
	if len(b.out.Send) != 1 || b.out.Send[0].Report.Answer || b.out.Send[0].Report.EchoSeq != 5 {
		t.Errorf("to one that asks: %+v, want an answer that echoes 5", b.out.Send)
	}
	b.report(Report{Seq: 5, View: 1, Release: 3, Answer: true})
	if len(b.out.Send) != 0 {
		t.Errorf("answered again at once: %+v", b.out.Send)
	}
	if b.tick(time.Hour); len(b.out.Send) != 0 || b.out.Scan || b.out.Wake != 0 {
		t.Errorf("on a quiet farm: %+v", b.out)
	}
	b.state(2, 0b0011, 1)
	b.tick(10 * time.Millisecond)
	b.scanned(0b0100)
	if len(b.out.Send) != 1 || shares.Mask(b.out.Send[0].Report.Flows) != 0b0100 || b.out.Send[0].Report.View != 2 {
		t.Errorf("after a change: %+v", b.out.Send)
	}
}

// A process that took the boot over numbers its reports above the old one's.
func TestNumbersAfterHandOver(t *testing.T) {
	old := newBench(t)
	old.alone()
	old.members(map[string]Standing{"b": Alive})
	seq := old.out.Send[0].Report.Seq
	n, _ := New("a", 10, Params{}, []confirm.RuleID{simRule}, old.now.Add(time.Millisecond))
	next := &bench{t, n, old.now.Add(time.Millisecond), Actions{}}
	next.alone()
	next.members(map[string]Standing{"b": Alive})
	if got := next.out.Send[0].Report.Seq; got <= seq {
		t.Errorf("number %d after %d", got, seq)
	}
}

// A rule that comes with a new configuration may have flows from before, and a
// report that does not know it says nothing of it.
func TestNewRule(t *testing.T) {
	b := settledPair(t)
	const added = confirm.RuleID(2)
	b.do(0, func(now confirm.Time) Actions { return b.n.Rules(now, []confirm.RuleID{simRule, added}) })
	if got := b.out.Unsettled.Of(added); got == nil || got.Len() != Buckets {
		t.Error("the new rule is settled at once")
	}
	bits := confirm.NewBitmap(simBuckets)
	bits.Set(3)
	own := confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{added: bits})
	b.do(0, func(now confirm.Time) Actions {
		return b.n.State(now, State{Boot: 10, View: 2, Own: own, Held: own})
	})
	b.report(Report{Seq: 6, View: 2, Release: 3})
	if !b.out.Unsettled.Has(added, 3) {
		t.Error("settled by a report that does not know the rule")
	}
}
