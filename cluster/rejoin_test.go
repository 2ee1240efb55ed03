package cluster

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPartitionHeals parts two nodes until each has forgotten the other, and
// checks that they find each other again when the network does.
func TestPartitionHeals(t *testing.T) {
	a := startMortal(t, "a", "127.0.0.32", nil)
	b := startMortal(t, "b", "127.0.0.33", joinTo(a))
	mustJoin(t, a, b)
	a.await(t, "two members", alive("a", "b"))
	b.await(t, "two members", alive("a", "b"))

	a.cut.Store(true)
	b.cut.Store(true)
	a.await(t, "b lost", alive("a"))
	b.await(t, "a lost", alive("b"))
	// memberlist does not show whom it still knows as dead. It forgets after
	// GossipToTheDeadTime (100 ms) and at most two probe rounds (100 ms each);
	// before, it might heal by itself.
	time.Sleep(500 * time.Millisecond)

	a.cut.Store(false)
	b.cut.Store(false)
	a.await(t, "b again", alive("a", "b"))
	b.await(t, "a again", alive("a", "b"))
}

// TestMissing checks who is tried again.
func TestMissing(t *testing.T) {
	at := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	peers := []netip.AddrPort{at("192.0.2.1:7946"), at("192.0.2.2:7946"), at("192.0.2.3:7946"), at("[2001:db8::1]:7946")}
	members := []Member{
		{Name: "a", Address: peers[0], Alive: true},
		{Name: "a-of-old", Address: peers[0]},
		{Name: "b", Address: peers[1]},
		{Name: "d", Address: peers[3], Alive: true},
		{Name: "elsewhere", Address: at("192.0.2.3:7947"), Alive: true},
	}
	got := missing(peers, members)
	if diff := cmp.Diff(peers[1:3], got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestJitter(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		d := jitter(3 * time.Second)
		least, most = min(least, d), max(most, d)
	}
	if least < 2*time.Second || most > 4*time.Second || most-least < time.Second {
		t.Errorf("from %v to %v, want all of 2 s to 4 s", least, most)
	}
}
