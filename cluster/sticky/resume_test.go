package sticky

import (
	"net/netip"
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// TestResume: a process that goes on in the boot of another one takes every peer for
// one that may keep clients, and denies none before what was let in has had its time.
func TestResume(t *testing.T) {
	const rule, boot, view = confirm.RuleID(7), 20, confirm.ViewID(3)
	at := confirm.Time(time.Hour)
	bits := confirm.NewBitmap(settle.Buckets)
	bits.Set(5)
	held := confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{rule: bits})
	state := settle.State{Boot: boot, View: view, Own: held, Held: held}
	make := func(peers ...Peer) *Node {
		n, _ := New(Config{Name: "a", Boot: boot, Rules: []confirm.RuleID{rule}}, at)
		n.Resume(at, peers)
		return n
	}
	if a := make().State(at, state); a.Unsettled.Has(rule, 5) {
		t.Error("without a peer, a bucket that is held is sticky-unsettled")
	}
	n := make(Peer{"b", 30, view})
	if a := n.State(at, state); !a.Unsettled.Has(rule, 5) {
		t.Error("a bucket is not sticky-unsettled though a peer may keep clients of it")
	}
	foreign := Client{Rule: rule, Bucket: 6, Addr: netip.MustParseAddr("198.18.128.1")}
	answered := func(at confirm.Time) int {
		ask := &Message{Kind: Ask, Name: "b", Boot: 30, Seq: 1, Clients: []Client{foreign}}
		for _, out := range n.Receive(at, ask, func(Client) bool { return false }).Send {
			if out.Message.Kind == Answer {
				return len(out.Message.Clients)
			}
		}
		t.Fatal("no answer")
		return 0
	}
	if answered(at) != 0 {
		t.Error("a client is denied at once")
	}
	// A silent peer's promise lasts.
	last := at.Add(n.params.Eviction + n.params.hold())
	for now := at; now < last.Add(time.Second); now = now.Add(10 * time.Millisecond) {
		a := n.Tick(now)
		if a.Sweep {
			a = n.Swept(now, now, confirm.Buckets{}, a.ClearBefore)
		}
		if unsettled := a.Unsettled.Has(rule, 5); now < last.Add(-20*time.Millisecond) && !unsettled {
			t.Fatalf("settled %v after the restart, a promise may last %v", now.Sub(at), last.Sub(at))
		} else if now > last.Add(100*time.Millisecond) && unsettled {
			t.Fatalf("not settled %v after the restart", now.Sub(at))
		}
		if now == at.Add(linger+200*time.Millisecond) && answered(now) != 1 {
			t.Error("a client is not denied when all has had its time")
		}
	}
}
