package cluster

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

// TestViewIDCoversAssignmentOnly checks what must and what must not change a
// view's id.
func TestViewIDCoversAssignmentOnly(t *testing.T) {
	base := func() []Node {
		return []Node{
			{Name: "web1", Weights: []uint8{100, 0}},
			{Name: "web2", Weights: []uint8{100, 50}},
		}
	}
	id := NewView(base()).ID
	for _, tc := range []struct {
		name   string
		change func([]Node) []Node
		same   bool
	}{
		{"order", func(n []Node) []Node { return []Node{n[1], n[0]} }, true},
		{"address", func(n []Node) []Node { n[0].Address = netip.MustParseAddr("192.0.2.1"); return n }, true},
		{"mac", func(n []Node) []Node { n[0].MAC = config.MAC{2}; return n }, true},
		{"name", func(n []Node) []Node { n[0].Name = "web3"; return n }, false},
		{"weight", func(n []Node) []Node { n[0].Weights[0] = 99; return n }, false},
		{"weights swapped between nodes", func(n []Node) []Node {
			n[0].Weights, n[1].Weights = n[1].Weights, n[0].Weights
			return n
		}, false},
		{"a rule more", func(n []Node) []Node { n[1].Weights = append(n[1].Weights, 0); return n }, false},
		{"a node less", func(n []Node) []Node { return n[:1] }, false},
		{"name and weight across the border", func(n []Node) []Node {
			n[0] = Node{Name: "web1d", Weights: []uint8{0}}
			return n
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := NewView(tc.change(base())).ID; (got == id) != tc.same {
				t.Errorf("id %016x, unchanged view %016x, want same: %v", got, id, tc.same)
			}
		})
	}
}

// TestViewGolden pins the canonical form: nodes of two releases in one farm must
// name a view alike.
func TestViewGolden(t *testing.T) {
	v := NewView([]Node{{Name: "b", Weights: []uint8{100}}, {Name: "a", Weights: []uint8{1, 2}}})
	if want := uint64(0x3ff06015b3708452); v.ID != want {
		t.Errorf("id %#016x, want %#016x", v.ID, want)
	}
}

func TestViewOfNobody(t *testing.T) {
	if diff := cmp.Diff(View{}, NewView(nil)); diff != "" {
		t.Error(diff)
	}
}

// TestViewOwnsItsNodes checks that the caller's slices can be changed afterwards.
func TestViewOwnsItsNodes(t *testing.T) {
	nodes := []Node{{Name: "b", Weights: []uint8{7}}, {Name: "a", Weights: []uint8{8, 9}}}
	v := NewView(nodes)
	nodes[0].Name, nodes[1].Weights[0] = "x", 0
	if diff := cmp.Diff([]string{"a", "b"}, v.Names()); diff != "" {
		t.Errorf("names: %s", diff)
	}
	if diff := cmp.Diff([]uint8{8, 7}, v.Weights(0)); diff != "" {
		t.Errorf("weights of rule 0: %s", diff)
	}
	if diff := cmp.Diff([]uint8{9, 0}, v.Weights(1)); diff != "" {
		t.Errorf("weights of rule 1: %s", diff)
	}
}
