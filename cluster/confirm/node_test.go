package confirm

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const testStart = Time(1_000_000_000)

const ms = time.Millisecond

// byOwner is the assignment of the tests: of 12 buckets, member i of n gets
// those whose number is i modulo n.
func byOwner(name string) Assign {
	return func(v View) Buckets {
		b := NewBitmap(12)
		for i, m := range v.Members {
			for k := i; m.Name == name && k < 12; k += len(v.Members) {
				b.Set(k)
			}
		}
		return BucketsOf(map[RuleID]*Bitmap{1: b})
	}
}

// newTestNode returns a node as of testStart that wants to be up.
func newTestNode(t testing.TB, name string) (*Node, Actions) {
	t.Helper()
	n, a, err := New(Config{Name: name, Boot: 100, Params: DefaultParams(), Meta: "w", Assign: byOwner(name)}, testStart)
	if err != nil {
		t.Fatal(err)
	}
	n.Up(testStart)
	return n, a
}

// pair drives node "b" against a peer "a" that the test plays.
type pair struct {
	t    *testing.T
	n    *Node
	now  Time
	seq  uint64 // of a
	sent *Heartbeat
	last Lease

	sentAt Time
}

func newPair(t *testing.T) *pair {
	n, a := newTestNode(t, "b")
	p := &pair{t: t, n: n, now: testStart}
	p.take(a)
	return p
}

// take notes what the node says.
func (p *pair) take(a Actions) {
	if a.Broadcast != nil {
		p.sent, p.sentAt = a.Broadcast, p.now
	}
	if a.Lease != nil {
		p.last = *a.Lease
	}
}

// pass lets time pass with every tick that the node asks for.
func (p *pair) pass(d time.Duration) {
	end := p.now.Add(d)
	for p.now < end {
		p.now = min(end, max(p.n.wake(), p.now+1))
		p.take(p.n.Tick(p.now))
	}
}

// views are what the played peer says of itself.
type views struct {
	phase          Phase
	stated, target ViewID
	noEcho         bool
}

// hear lets the played peer say something, echoing all that the node has sent.
func (p *pair) hear(v views) {
	p.seq++
	hb := &Heartbeat{
		Name: "a", Boot: 50, Seq: p.seq, Phase: v.phase, Lease: 600 * ms,
		Stated: v.stated, Target: v.target, Meta: "w",
	}
	if p.sent != nil && !v.noEcho {
		hb.Echoes = []Echo{{IDOf("b"), p.sent.Boot, p.sent.Seq, p.sent.Seq}}
	}
	p.take(p.n.Receive(p.now, hb))
	p.pass(3 * ms) // the node answers at once
}

// both is the view of a and b, alone that of b.
var (
	both  = NewView([]Member{{"a", "w"}, {"b", "w"}}).ID
	alone = NewView([]Member{{"b", "w"}}).ID
)

// until hears the peer every 50 ms for d.
func (p *pair) until(d time.Duration, v views) {
	for end := p.now.Add(d); p.now < end; {
		p.hear(v)
		p.pass(47 * ms)
	}
}

// serving brings the pair to where both serve view both.
func (p *pair) serving() {
	p.t.Helper()
	p.until(800*ms, views{phase: Up, stated: both, target: both})
	if p.n.Stated().ID != both || p.last.Confirmed.Len() != 6 {
		p.t.Fatalf("stated %x with %d buckets, want %x with 6", p.n.Stated().ID, p.last.Confirmed.Len(), both)
	}
}

func TestNewProcessZeroesTheDeadlineFirst(t *testing.T) {
	_, a := newTestNode(t, "b")
	if a.Lease == nil || a.Lease.Deadline != 0 || !a.Lease.Shrunk || !a.Lease.Confirmed.Empty() {
		t.Errorf("first lease %+v, want an empty one with deadline 0", a.Lease)
	}
	if a.Broadcast == nil || a.Broadcast.Phase != Starting || a.Broadcast.Seq != 1 {
		t.Errorf("first heartbeat %+v, want number 1, starting", a.Broadcast)
	}
}

func TestAloneServesAfterStartWaitAndSettling(t *testing.T) {
	p := newPair(t)
	p.pass(Wait(600*ms) - ms)
	if p.sent.Phase != Starting {
		t.Fatalf("%v before W is over", p.sent.Phase)
	}
	p.pass(2 * ms)
	if p.sent.Phase != Up || p.last.Confirmed.Len() != 0 {
		t.Fatalf("after W: %v with %d buckets, want up with none", p.sent.Phase, p.last.Confirmed.Len())
	}
	p.pass(160 * ms)
	if p.n.Stated().ID != alone || p.last.Confirmed.Len() != 12 {
		t.Fatalf("3 HB later: states %x with %d buckets, want %x with 12", p.n.Stated().ID, p.last.Confirmed.Len(), alone)
	}
	if left := p.last.Deadline.Sub(p.now); left <= 500*ms || left > 600*ms {
		t.Errorf("deadline in %v, want a lease less at most two heartbeats", left)
	}
}

func TestConfirmationEndsALeaseAfterTheEchoedHeartbeatWasSent(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.pass(20 * ms)
	want := p.sentAt.Add(600 * ms)
	p.hear(views{phase: Up, stated: both, target: both})
	if got := p.last.Deadline; got != want {
		t.Errorf("deadline %v, want %v after the echoed heartbeat was sent", got, 600*ms)
	}
	p.pass(290 * ms) // a peer that the membership does not know leaves the target after 300 ms
	if p.last.Deadline != want || p.last.Confirmed.Len() != 6 {
		t.Errorf("without further heartbeats: %d buckets until %v, want 6 until %v", p.last.Confirmed.Len(), p.last.Deadline, want)
	}
}

func TestHeartbeatsWithoutEchoConfirmNothing(t *testing.T) {
	p := newPair(t)
	p.until(2*time.Second, views{phase: Up, stated: both, target: both, noEcho: true})
	if !p.n.Stated().None() || p.last.Confirmed.Len() != 0 {
		t.Errorf("states %x with %d buckets, want nothing", p.n.Stated().ID, p.last.Confirmed.Len())
	}
}

func TestUnknownViewGivesNothing(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.hear(views{phase: Up, stated: 0x1234, target: both})
	if p.last.Confirmed.Len() != 0 || p.last.Deadline != 0 {
		t.Errorf("%d buckets until %v, want none", p.last.Confirmed.Len(), p.last.Deadline)
	}
}

func TestSilentPeerIsWaitedFor(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.pass(410 * ms)
	if p.n.Target().ID != alone || p.n.Stated().ID != both {
		t.Fatalf("after 410 ms target %x stated %x, want %x and %x", p.n.Target().ID, p.n.Stated().ID, alone, both)
	}
	if p.last.Confirmed.Len() != 6 || p.last.Deadline <= p.now {
		t.Fatalf("kept buckets pause: %d until %v", p.last.Confirmed.Len(), p.last.Deadline.Sub(p.now))
	}
	p.pass(160 * ms)
	if p.n.Stated().ID == alone {
		t.Fatal("took over before W was over")
	}
	p.pass(80 * ms)
	if p.n.Stated().ID != alone || p.last.Confirmed.Len() != 12 {
		t.Errorf("after W states %x with %d buckets, want %x with 12", p.n.Stated().ID, p.last.Confirmed.Len(), alone)
	}
}

func TestLeavingPeerIsNotWaitedFor(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.hear(views{phase: Leaving})
	if p.n.Stated().ID != alone || p.last.Confirmed.Len() != 12 {
		t.Errorf("states %x with %d buckets, want %x with 12", p.n.Stated().ID, p.last.Confirmed.Len(), alone)
	}
}

func TestRestartedPeerIsNotWaitedForOnceItProvesItself(t *testing.T) {
	for name, heard := range map[string]bool{"proved": true, "late": false} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.serving()
			before := p.sent.Seq - 10
			p.pass(55 * ms)
			e := Echo{Peer: IDOf("b"), Boot: p.sent.Boot, Heard: p.sent.Seq}
			if !heard {
				e.Heard = before
			}
			p.take(p.n.Receive(p.now, &Heartbeat{Name: "a", Boot: 51, Seq: 1, Phase: Starting, Lease: 600 * ms, Echoes: []Echo{e}}))
			if got := p.n.Stated().ID == alone; got != heard {
				t.Errorf("took over at once: %v, want %v", got, heard)
			}
		})
	}
}

// The clock of a was set back between two processes. The one that runs serves
// everybody when b comes up; then a late heartbeat of the other takes its place.
func TestWhatTheLivingOneShowedOutlivesALateHeartbeat(t *testing.T) {
	p := newPair(t)
	theirs := NewView([]Member{{"a", "w"}}).ID
	p.until(650*ms, views{phase: Up, stated: theirs, target: theirs})
	p.pass(20 * ms)
	for i, target := range []ViewID{alone, both} { // News twice: b has no time to answer the second.
		p.now = p.now.Add(ms)
		p.take(p.n.Receive(p.now, &Heartbeat{Name: "a", Boot: 50, Seq: p.seq + 1 + uint64(i), Phase: Up, Lease: 600 * ms, Stated: theirs, Target: target,
			Meta: "w", Echoes: []Echo{{IDOf("b"), p.sent.Boot, p.sent.Seq, p.sent.Seq}}}))
	}
	if p.n.Stated().ID != both {
		t.Fatalf("states %x, want %x", p.n.Stated().ID, both)
	}
	p.take(p.n.Receive(p.now, &Heartbeat{Name: "a", Boot: 60, Seq: 1, Phase: Starting, Lease: 600 * ms}))
	if n := p.last.Confirmed.Len(); n > 6 {
		t.Errorf("lets flows into %d buckets at once, want at most the 6 that a was ready to leave to it", n)
	}
	p.pass(Wait(600 * ms)) // a has not heard that it has to ask b: see unasked
	if n := p.last.Confirmed.Len(); n > 6 {
		t.Errorf("lets flows into %d buckets after W, want at most 6", n)
	}
	p.pass(p.n.params.Eviction)
	if n := p.last.Confirmed.Len(); n != 12 {
		t.Errorf("lets flows into %d buckets after W and eviction, want 12", n)
	}
}

func TestLeaveStopsBeforeItSpeaks(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.pass(5 * ms)
	a := p.n.Leave(p.now)
	if a.Lease == nil || a.Lease.Deadline != 0 || !a.Lease.Shrunk || a.Lease.Confirmed.Len() != 0 {
		t.Errorf("lease %+v, want nothing, at once", a.Lease)
	}
	if a.Lease.Released.Len() != 6 || a.Lease.Release != 1 || a.Broadcast.Release != 1 {
		t.Errorf("released %d buckets as number %d, told %d; want 6, 1, 1", a.Lease.Released.Len(), a.Lease.Release, a.Broadcast.Release)
	}
	if a.Broadcast == nil || a.Broadcast.Phase != Leaving || a.Broadcast.Stated != 0 || a.Broadcast.Target != 0 {
		t.Errorf("heartbeat %+v, want leaving without views", a.Broadcast)
	}
	a = p.n.Up(p.now.Add(5 * ms))
	if a.Broadcast == nil || a.Broadcast.Phase != Starting {
		t.Errorf("back from drain: %+v, want starting", a.Broadcast)
	}
}

func TestOldHeartbeatsAreIgnored(t *testing.T) {
	p := newPair(t)
	p.serving()
	old := &Heartbeat{Name: "a", Boot: 50, Seq: 1, Phase: Leaving, Lease: 600 * ms}
	p.n.Receive(p.now, old)
	gone := &Heartbeat{Name: "a", Boot: 49, Seq: 1 << 40, Phase: Leaving, Lease: 600 * ms}
	p.n.Receive(p.now, gone)
	c := p.n.Status().Counters
	if c.StaleSeq != 1 || c.StaleBoot != 1 || !p.n.Targets("a") {
		t.Errorf("ignored %d by seq and %d by boot, a in target %v; want 1, 1, true", c.StaleSeq, c.StaleBoot, p.n.Targets("a"))
	}
}

// TestOrder: only what is newer than all that is known of its sender may reach others than
// the protocol, in a node that has been handed over too.
func TestOrder(t *testing.T) {
	p := newPair(t)
	p.serving()
	preview := p.n.Preview()
	preview.Name, preview.Boot, preview.Echoes = "a", 60, []Echo{{Peer: IDOf("a"), Boot: 60}}
	check := func() {
		t.Helper()
		for _, c := range []struct {
			what string
			hb   *Heartbeat
			want int
		}{
			{"the next one", &Heartbeat{Name: "a", Boot: 50, Seq: p.seq + 1}, 1},
			{"the last one again", &Heartbeat{Name: "a", Boot: 50, Seq: p.seq}, 0},
			{"one of before", &Heartbeat{Name: "a", Boot: 50, Seq: 1}, -1},
			{"one of an earlier process", &Heartbeat{Name: "a", Boot: 49, Seq: 1 << 40}, -1},
			{"one of a new process", &Heartbeat{Name: "a", Boot: 51, Seq: 1}, 1},
			{"a preview", preview, -1},
			{"one of an unknown node", &Heartbeat{Name: "c", Boot: 1, Seq: 1}, 1},
			{"its own", &Heartbeat{Name: "b", Boot: 1 << 40, Seq: 1}, -1},
		} {
			if got := p.n.Order(c.hb); got != c.want {
				t.Errorf("%s: order %d, want %d", c.what, got, c.want)
			}
		}
	}
	check()
	if _, err := p.n.Snapshot(p.now); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestPreviewsAreNoHeartbeats: whoever sends one on as a heartbeat, to a node that has
// missed the one before or knows the process not yet, does not make it count.
func TestPreviewsAreNoHeartbeats(t *testing.T) {
	p := newPair(t)
	p.serving()
	a, _ := newTestNode(t, "a") // of a higher boot
	wire, err := a.Preview().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	preview, err := Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	before := p.n.Status().Counters.Received
	p.n.Receive(p.now, preview)
	if views := p.n.Peers(); p.n.Status().Counters.Received != before || views[0].Boot != 50 || !p.n.Targets("a") {
		t.Errorf("a preview was taken for a heartbeat: %+v", views)
	}
}

func TestBootIsRaisedAboveWhatPeersKnow(t *testing.T) {
	p := newPair(t)
	p.serving()
	hb := &Heartbeat{Name: "a", Boot: 50, Seq: 1 << 20, Phase: Up, Lease: 600 * ms, Stated: both, Target: both, Meta: "w",
		Echoes: []Echo{{Peer: IDOf("b"), Boot: 7000}}}
	p.take(p.n.Receive(p.now, hb))
	p.pass(3 * ms)
	if p.sent.Boot != 7001 || p.sent.Phase != Starting || p.last.Deadline != 0 {
		t.Errorf("boot %d, %v, deadline %v; want 7001, starting, 0", p.sent.Boot, p.sent.Phase, p.last.Deadline)
	}
}

func TestOwnNameIsNoPeer(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.n.Receive(p.now, p.sent) // its own, come back
	a := p.n.Receive(p.now, &Heartbeat{Name: "b", Boot: 200, Seq: 9, Phase: Up, Lease: 600 * ms})
	if !slices.ContainsFunc(a.Events, func(e Event) bool { return e.Kind == DuplicateName }) {
		t.Errorf("events %v, want a duplicate name", a.Events)
	}
	if p.n.Status().Boot != 201 {
		t.Errorf("boot %d, want 201", p.n.Status().Boot)
	}
}

func TestRelayIsForWhoMissesTwo(t *testing.T) {
	p := newPair(t)
	z := func(seq uint64) {
		p.n.Receive(p.now, &Heartbeat{Name: "z", Boot: 9, Seq: seq, Phase: Leaving, Lease: 600 * ms})
	}
	y := func(heard uint64) []Relay {
		p.seq++
		return p.n.Receive(p.now, &Heartbeat{Name: "a", Boot: 50, Seq: p.seq, Phase: Starting, Lease: 600 * ms,
			Echoes: []Echo{{Peer: IDOf("z"), Boot: 9, Seq: 0, Heard: heard}}}).Relays
	}
	z(10)
	if got := y(9); len(got) != 0 {
		t.Errorf("one behind: %d relays, want none", len(got))
	}
	got := y(8)
	if len(got) != 1 || got[0].To != "a" || got[0].Heartbeat.Name != "z" || got[0].Heartbeat.Seq != 10 {
		t.Fatalf("two behind: %+v, want z's number 10 for a", got)
	}
	if got := y(8); len(got) != 0 {
		t.Errorf("again within a heartbeat: %d relays, want none", len(got))
	}
	p.pass(51 * ms)
	if got := y(8); len(got) != 1 {
		t.Errorf("a heartbeat later: %d relays, want one", len(got))
	}
	p.pass(151 * ms)
	if got := y(8); len(got) != 0 {
		t.Errorf("not heard for 3 HB: %d relays, want none", len(got))
	}
}

func TestMajorityNeedsMoreThanHalf(t *testing.T) {
	p := newPair(t)
	p.n.params.Partition, p.n.params.Nodes = Majority, 3
	p.serving()
	p.pass(700 * ms)
	if p.n.Stated().ID != alone || p.last.Confirmed.Len() != 0 || p.last.Deadline != 0 {
		t.Errorf("one of three: states %x, lets flows into %d buckets; want %x and none", p.n.Stated().ID, p.last.Confirmed.Len(), alone)
	}
}

func TestStallIsNotSilence(t *testing.T) {
	p := newPair(t)
	p.serving()
	p.now = p.now.Add(10 * time.Second)
	p.take(p.n.Tick(p.now))
	if !p.n.Targets("a") || p.last.Deadline > p.now {
		t.Errorf("after a stall: a in target %v, deadline %v from now; want true and none", p.n.Targets("a"), p.last.Deadline.Sub(p.now))
	}
}

// A node that serves alone listens after a stall before it renews its lease, also where
// that is not over.
func TestStallRenewsNothing(t *testing.T) {
	p := newPair(t)
	p.pass(1500 * ms)
	until := p.last.Deadline
	p.now = until - Time(15*ms)
	p.take(p.n.Tick(p.now))
	if p.last.Confirmed.Len() != 12 || p.last.Deadline != until {
		t.Errorf("after a stall: %d buckets, the deadline %v later; want 12, and as it was", p.last.Confirmed.Len(), p.last.Deadline.Sub(until))
	}
	p.pass(20 * ms)
	if p.last.Deadline != 0 {
		t.Errorf("fenced for %v, want at once, since the lease is over", p.last.Deadline.Sub(p.now))
	}
	p.pass(160 * ms)
	if left := p.last.Deadline.Sub(p.now); left <= 500*ms {
		t.Errorf("deadline in %v after it has listened, want a lease less at most two heartbeats", left)
	}
}

// Neither the views nor the peers that a node remembers grow without bound, and
// what is in use stays.
func TestMemoryIsBounded(t *testing.T) {
	p := newPair(t)
	p.serving()
	for i := range 500 {
		p.now += Time(ms)
		if _, err := p.n.Weights(p.now, string(rune('A'+i))); err != nil {
			t.Fatal(err)
		}
		p.n.Receive(p.now, &Heartbeat{Name: "x" + string(rune('A'+i)), Boot: 1, Seq: 1, Phase: Starting, Lease: 600 * ms})
	}
	if len(p.n.views.views) > historyLen || len(p.n.peers) > maxPeers {
		t.Errorf("%d views and %d peers, want at most %d and %d", len(p.n.views.views), len(p.n.peers), historyLen, maxPeers)
	}
	if p.n.views.own(both).Len() != 6 || p.n.find("a") == nil {
		t.Error("the stated view or the member of it is forgotten")
	}
	if got := len(p.n.echoes()); got != MaxEchoes {
		t.Errorf("%d echoes, want %d", got, MaxEchoes)
	}
}

// A tick that comes late sends one heartbeat, not those that were missed.
func TestLateTickSendsAtOnce(t *testing.T) {
	p := newPair(t)
	seq := p.sent.Seq
	p.now = p.now.Add(130 * ms)
	p.take(p.n.Tick(p.now))
	if p.sent.Seq != seq+1 || p.n.wake() > p.now.Add(50*ms) {
		t.Errorf("heartbeat %d, next in %v; want %d, within a heartbeat", p.sent.Seq, p.n.wake().Sub(p.now), seq+1)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Name: "a", Params: DefaultParams(), Assign: byOwner("a")}
	tests := []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"no name", func(c *Config) { c.Name = "" }, "node name"},
		{"long name", func(c *Config) { c.Name = strings.Repeat("x", MaxName+1) }, "node name"},
		{"long meta", func(c *Config) { c.Meta = strings.Repeat("x", MaxMeta+1) }, "meta"},
		{"no assignment", func(c *Config) { c.Assign = nil }, "assignment"},
		{"bad timings", func(c *Config) { c.Params.Heard = time.Second }, "do not fit"},
	}
	for _, tt := range tests {
		c := good
		tt.set(&c)
		if _, _, err := New(c, testStart); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something about %q", tt.name, err, tt.want)
		}
	}
}

// A heartbeat that only renews must be cheap: 32 nodes send 620 of them a second.
func BenchmarkReceive(b *testing.B) {
	n, _ := newTestNode(b, "b")
	now, seq := testStart, uint64(0)
	hb := Heartbeat{Name: "a", Boot: 50, Phase: Up, Lease: 600 * ms, Stated: both, Target: both, Meta: "w"}
	for b.Loop() {
		seq++
		now = now.Add(2 * ms)
		next := hb
		next.Seq = seq
		n.Receive(now, &next)
	}
}
