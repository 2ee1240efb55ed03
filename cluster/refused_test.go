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

func TestRefused(t *testing.T) {
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
	refused := Refused("a", members, digest)
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
