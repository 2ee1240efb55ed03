package cluster

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/cluster/confirm"
)

// members makes a view of the confirmation; change alters each one's metadata.
func membersView(t *testing.T, change func(name string, m *Meta) bool, names ...string) confirm.View {
	t.Helper()
	var members []confirm.Member
	for _, name := range names {
		m := exampleMeta()
		readable := change(name, &m)
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !readable {
			b = b[:1]
		}
		members = append(members, confirm.Member{Name: name, Meta: string(b)})
	}
	return confirm.NewView(members)
}

func TestResolveReadsWhatTheMembersSay(t *testing.T) {
	v := membersView(t, func(name string, m *Meta) bool {
		if name == "b" {
			m.Weights = []uint8{7}
			m.Gossip = netip.AddrPort{}
		}
		return true
	}, "a", "b")
	got := Resolve(v)
	want := View{ID: v.ID, Nodes: []Node{
		{Name: "a", Address: exampleMeta().Gossip.Addr(), MAC: exampleMeta().MAC, Weights: exampleMeta().Weights},
		{Name: "b", MAC: exampleMeta().MAC, Weights: []uint8{7}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]uint8{0, 0}, got.Weights(1)); diff != "" {
		t.Errorf("weights of rule 1: %s", diff)
	}
	if diff := cmp.Diff([]uint8{100, 7}, got.Weights(0)); diff != "" {
		t.Errorf("weights of rule 0: %s", diff)
	}
}

// TestResolveLeavesOutWhoDiffers: of two configurations one shares the buckets,
// and every node comes to the same one.
func TestResolveLeavesOutWhoDiffers(t *testing.T) {
	for _, tc := range []struct{ other, garbled, want string }{
		{"", "", "a b c d"},
		{"a", "", "b c d"},
		{"a b", "", "a b"}, // two of each: the first by name's
		{"c d", "", "a b"},
		{"a b c", "", "a b c"},
		{"d", "b c", "a"},
		{"", "a b c d", ""},
	} {
		v := membersView(t, func(name string, m *Meta) bool {
			if strings.Contains(tc.other, name) {
				m.Digest = 0
			}
			return !strings.Contains(tc.garbled, name)
		}, "a", "b", "c", "d")
		if got := strings.Join(Resolve(v).Names(), " "); got != tc.want {
			t.Errorf("%+v: %q share the buckets", tc, got)
		}
	}
}

func TestResolveOfNobody(t *testing.T) {
	if v := Resolve(confirm.View{}); v.ID != 0 || len(v.Nodes) != 0 || !slices.Equal(v.Names(), []string{}) {
		t.Errorf("view %+v", v)
	}
}
