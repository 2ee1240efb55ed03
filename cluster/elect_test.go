package cluster

import (
	"fmt"
	"net/netip"
	"testing"
)

func farmOf(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{Name: fmt.Sprintf("node%d", i+1), Weights: []uint8{100}}
	}
	return nodes
}

func vips(n int) []netip.Addr {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for len(addrs) < n {
		addrs = append(addrs, addrs[len(addrs)-1].Next())
	}
	return addrs
}

func TestResponderOfNobody(t *testing.T) {
	if got := (View{}).Responder(vips(1)[0]); got != "" {
		t.Errorf("responder %q of an empty view", got)
	}
}

// TestResponderMovesOnlyWithItsNode checks that a node's death moves its VIPs
// and no other.
func TestResponderMovesOnlyWithItsNode(t *testing.T) {
	all := farmOf(5)
	before := View{Nodes: all}
	for gone := range all {
		after := View{Nodes: append(append([]Node{}, all[:gone]...), all[gone+1:]...)}
		for _, vip := range vips(64) {
			was, is := before.Responder(vip), after.Responder(vip)
			if is == all[gone].Name {
				t.Fatalf("%s is answered by %s, which is gone", vip, is)
			}
			if was != all[gone].Name && is != was {
				t.Errorf("%s moved from %s to %s when %s went", vip, was, is, all[gone].Name)
			}
		}
	}
}

// TestResponderSpreads checks that no node of four answers for none or for most
// of 256 VIPs (expected 64 each, standard deviation 7).
func TestResponderSpreads(t *testing.T) {
	v, count := View{Nodes: farmOf(4)}, map[string]int{}
	for _, vip := range vips(256) {
		count[v.Responder(vip)]++
	}
	for _, n := range v.Nodes {
		if c := count[n.Name]; c < 29 || c > 99 {
			t.Errorf("%s answers for %d of 256", n.Name, c)
		}
	}
}

// TestResponderGolden pins the election: two releases in one farm must elect the
// same node, or two answer.
func TestResponderGolden(t *testing.T) {
	v := View{Nodes: farmOf(3)}
	for vip, want := range map[string]string{
		"192.0.2.100":        "node2",
		"192.0.2.101":        "node1",
		"2001:db8::1":        "node3",
		"::ffff:192.0.2.100": "node2",
	} {
		if got := v.Responder(netip.MustParseAddr(vip)); got != want {
			t.Errorf("%s: responder %s, want %s", vip, got, want)
		}
	}
}
