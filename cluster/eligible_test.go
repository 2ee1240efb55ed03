package cluster

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func upMember(name string, change func(*Member)) Member {
	m := Member{
		Name:    name,
		Address: netip.MustParseAddrPort("192.0.2.1:7946"),
		Meta:    exampleMeta(),
		Alive:   true,
	}
	if change != nil {
		change(&m)
	}
	return m
}

func TestEligible(t *testing.T) {
	digest := exampleMeta().Digest
	members := []Member{
		upMember("other", func(m *Member) { m.Meta.Digest++ }),
		upMember("b", nil),
		upMember("dead", func(m *Member) { m.Alive = false }),
		upMember("dead-other", func(m *Member) { m.Alive = false; m.Meta.Digest++ }),
		upMember("starting", func(m *Member) { m.Meta.Phase = Starting }),
		upMember("starting-other", func(m *Member) { m.Meta.Phase = Starting; m.Meta.Digest++ }),
		upMember("leaving", func(m *Member) { m.Meta.Phase = Leaving }),
		upMember("stopped", func(m *Member) { m.Meta.Phase = Stopped }),
		upMember("later", func(m *Member) { m.Meta.Phase = 9 }),
		upMember("garbled", func(m *Member) { m.Meta, m.Err = Meta{}, ErrMeta }),
		upMember("a", nil),
	}
	view, refused := Eligible("a", members, digest)
	if diff := cmp.Diff([]string{"a", "b"}, view.Names()); diff != "" {
		t.Errorf("eligible (-want +got):\n%s", diff)
	}
	want := Node{
		Name: "a", Address: netip.MustParseAddr("192.0.2.1"),
		MAC: exampleMeta().MAC, Weights: exampleMeta().Weights,
	}
	if diff := cmp.Diff(want, view.Nodes[0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
	var names []string
	for _, r := range refused {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"garbled", "other"}, names); diff != "" {
		t.Fatalf("refused (-want +got):\n%s", diff)
	}
	if !strings.Contains(refused[0].Reason, "same release") || !strings.Contains(refused[1].Reason, "farm config differs") {
		t.Errorf("reasons %q", refused)
	}
}

// TestEligibleOfNobody checks that a farm where nobody is up has the view "none".
func TestEligibleOfNobody(t *testing.T) {
	view, refused := Eligible("a", []Member{upMember("a", func(m *Member) { m.Meta.Phase = Starting })}, exampleMeta().Digest)
	if view.ID != 0 || len(refused) != 0 {
		t.Errorf("view %+v, refused %v", view, refused)
	}
}
