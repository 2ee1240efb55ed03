package cluster

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// patient is mortal, but takes nobody for dead within a second of a busy machine's.
func patient(c *memberlist.Config) {
	mortal(c)
	c.SuspicionMult = 10
}

// startOnTwo starts a node on two networks of loopback, 127.0.0 and 127.0.1.
func startOnTwo(t *testing.T, name, last string, change func(*Config)) *node {
	t.Helper()
	return startTimed(t, name, "127.0.0."+last, patient, func(c *Config) {
		c.Further = []netip.AddrPort{netip.MustParseAddrPort("127.0.1." + last + ":0")}
		if change != nil {
			change(c)
		}
	})
}

// awaitCuts waits until a node names so many cuts.
func (n *node) awaitCuts(t *testing.T, want int) []Cut {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if cuts := n.Cuts(); len(cuts) == want || time.Now().After(deadline) {
			if len(cuts) != want {
				t.Fatalf("%s names the cuts %v, want %d", n.delegate.self, cuts, want)
			}
			return cuts
		}
	}
}

// TestOneNetworkOfTwoIsCut takes away one network of three nodes, then the other: no
// node is missed, messages come through, and every node names what is cut.
func TestOneNetworkOfTwoIsCut(t *testing.T) {
	a := startOnTwo(t, "a", "61", nil)
	b := startOnTwo(t, "b", "62", joinTo(a))
	c := startOnTwo(t, "c", "63", joinTo(a))
	nodes := []*node{a, b, c}
	mustJoin(t, nodes...)
	for _, n := range nodes {
		n.await(t, "three members", alive("a", "b", "c"))
		n.awaitCuts(t, 0)
	}
	for network := range 2 {
		for _, n := range nodes {
			n.down[network].Store(true)
		}
		for _, n := range nodes {
			for _, cut := range n.awaitCuts(t, 2) {
				if cut.Network != network {
					t.Errorf("%s names %v, but network %d is cut", n.delegate.self, cut, network)
				}
			}
		}
		if err := a.Send("b", 7, []byte("told")); err != nil {
			t.Error(err)
		}
		if m := <-b.Messages(); m.Kind != 7 || string(m.Payload) != "told" {
			t.Errorf("b was told %v", m)
		}
		for _, n := range nodes {
			if !alive("a", "b", "c")(n.Members()) {
				t.Errorf("%s misses somebody: %v", n.delegate.self, n.Members())
			}
			n.down[network].Store(false)
		}
		for _, n := range nodes {
			n.awaitCuts(t, 0)
		}
	}
	for _, n := range nodes {
		n.cut.Store(true)
	}
	a.await(t, "everybody is cut off altogether", alive("a"))
	a.awaitCuts(t, 0)
}

// TestJoinBySecondNetwork joins a node whose first network never works: it is told
// where the other is on both, and neither counts itself among the peers.
func TestJoinBySecondNetwork(t *testing.T) {
	a := startOnTwo(t, "a", "64", nil)
	b := startOnTwo(t, "b", "65", func(c *Config) {
		c.Join = append(c.Further, a.Address(), a.further[0])
	})
	a.down[0].Store(true)
	b.down[0].Store(true)
	mustJoin(t, b)
	a.await(t, "two members", alive("a", "b"))
	b.await(t, "two members", alive("a", "b"))
	b.awaitCuts(t, 1)
	if rest := missing(b.peers, b.Members()); len(rest) != 0 {
		t.Errorf("b goes on looking for %v", rest)
	}
}

// TestOneNetworkBesideTwo has a node that is on the first network alone, as one of an
// earlier release is.
func TestOneNetworkBesideTwo(t *testing.T) {
	a := startOnTwo(t, "a", "66", nil)
	b := startMortal(t, "b", "127.0.0.67", joinTo(a))
	mustJoin(t, b)
	a.await(t, "two members", alive("a", "b"))
	b.await(t, "two members", alive("a", "b"))
	time.Sleep(2 * missedFor)
	if cuts := append(a.Cuts(), b.Cuts()...); len(cuts) != 0 {
		t.Errorf("cuts %v of a network that one of them is not on", cuts)
	}
}
