package sticky

import (
	"net/netip"
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// silentPeer is a node "a" that serves everything, and its peer "c", of which only
// heartbeats come unless the test plays more.
type silentPeer struct {
	n    *Node
	now  confirm.Time
	out  []*Message // what a has sent to c, the oldest first
	seq  uint64     // of c's newest heartbeat
	next byte       // the next client's address
}

func newSilentPeer() *silentPeer {
	const rule = confirm.RuleID(1)
	bits := confirm.NewBitmap(settle.Buckets)
	for i := range settle.Buckets {
		bits.Set(i)
	}
	own := confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{rule: bits})
	p := &silentPeer{now: confirm.Time(time.Hour)}
	n, a := New(Config{Name: "a", Boot: 100, Rules: []confirm.RuleID{rule}}, p.now)
	p.n = n
	p.take(a)
	p.take(n.State(p.now, settle.State{Boot: 100, View: 9, Own: own, Held: own}))
	p.beat(1000)
	return p
}

func (p *silentPeer) take(a Actions) {
	for _, o := range a.Send {
		p.out = append(p.out, o.Message)
	}
	if a.Sweep {
		p.take(p.n.Swept(p.now, p.now, confirm.Buckets{}, a.ClearBefore))
	}
}

func (p *silentPeer) beat(seq uint64) {
	p.seq = seq
	p.take(p.n.Heard(p.now, &confirm.Heartbeat{
		Name: "c", Boot: 50, Seq: seq, Phase: confirm.Up, Lease: 600 * ms, Stated: 7, Target: 7,
	}))
}

func (p *silentPeer) says(m Message) {
	m.Name, m.Boot = "c", 50
	p.take(p.n.Receive(p.now, &m, func(Client) bool { return false }))
}

// passes lets time pass, with something every 50 ms and clients all the time.
func (p *silentPeer) passes(d time.Duration, each func()) {
	for end := p.now.Add(d); p.now < end; p.now = p.now.Add(50 * ms) {
		each()
		p.next++
		p.take(p.n.Asked(p.now, []Client{{Rule: 1, Bucket: uint16(p.next), Addr: netip.AddrFrom4([4]byte{10, 0, 0, p.next})}}))
		p.take(p.n.Tick(p.now))
	}
}

// TestLastHeartbeatAgain: who repeats the last frame of a node that is dead keeps nobody out.
func TestLastHeartbeatAgain(t *testing.T) {
	p := newSilentPeer()
	p.passes(3*time.Second, func() { p.beat(p.seq) })
	if s := p.n.Status(); s.Held != 0 || s.Pending != 0 {
		t.Errorf("%d buckets wait for a node of which one heartbeat is repeated, %d clients are asked about", s.Held, s.Pending)
	}
}

// TestRecordedMessageShowsNobody: a node whose heartbeats alone come is given up, whatever
// was recorded of its messages comes too, until it answers.
func TestRecordedMessageShowsNobody(t *testing.T) {
	p := newSilentPeer()
	recorded := []Message{
		{Kind: Answer, Seq: 5, EchoBoot: 100}, {Kind: Grant, Seq: 5, EchoBoot: 100, Lease: 600 * ms},
		{Kind: Answer, Seq: uint64(p.now) + 1, EchoBoot: 99}, {Kind: Hold, Seq: 5}, {Kind: Ask, Seq: 5},
	}
	replay := func() {
		p.beat(p.seq + 1)
		for _, m := range recorded {
			p.says(m)
		}
	}
	p.passes(mute+time.Second+p.n.params.hold(), replay)
	if s := p.n.Status(); s.Held != 0 {
		t.Fatalf("%d buckets wait for a node that answers nothing", s.Held)
	}
	p.beat(p.seq + 1)
	p.out = nil
	p.says(Message{Kind: Hold, Seq: 6})
	p.says(Message{Kind: Hold, Seq: 7})
	if len(p.out) != 1 || p.out[0].Kind != Ask {
		t.Fatalf("it speaks twice, and is not asked once whether it is there: %v", p.out)
	}
	p.says(Message{Kind: Answer, Seq: p.out[0].Seq, EchoBoot: 100})
	if s := p.n.Status(); s.Held == 0 {
		t.Error("it has answered, and is still given up")
	}
}
