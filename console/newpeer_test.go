package console

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"thresher/console/invite"
)

// Every node that can be told writes down who was let in; of the others the newcomer, the
// events and the next invitation speak.
func TestANewcomerIsToldOfToAll(t *testing.T) {
	farm := startFarm(t, 4)
	nodes := slices.Clone(farm[0].farm.Status().Nodes)
	nodes[3].State = Unreachable
	farm[0].farm.setNodes(nodes)
	farm[2].farm.err = &Error{Code: CodeConflict, Message: "a configuration is on trial", Cure: "wait"}
	in, err := farm[0].client.Invite(t.Context())
	must(t, err)
	if !slices.Equal(in.Unreachable, []string{"web4"}) {
		t.Errorf("the invitation says that %v can't be told", in.Unreachable)
	}
	token, err := invite.Parse(in.Token)
	must(t, err)
	a, err := Join(t.Context(), token, Newcomer{
		Node: "web5", Bind: netip.MustParseAddrPort("127.0.0.9:7946"), Further: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.9:7946")},
	})
	must(t, err)
	for i, want := range [][]string{{"admit web5"}, {"add peer web5 127.0.0.9:7946 198.51.100.9:7946"}, {"add peer web5 127.0.0.9:7946 198.51.100.9:7946"}, nil} {
		if got := farm[i].farm.called(); !slices.Equal(got, want) {
			t.Errorf("%s was told %v, want %v", nodeName(i), got, want)
		}
	}
	want := []string{"of web3 (a configuration is on trial): add \"127.0.0.9:7946 198.51.100.9:7946\" to cluster.join there", "of web4 (the other nodes do not hear it): add"}
	var events []string
	for _, e := range farm[0].log.Since(0) {
		if e.Kind == "peer_untold" {
			events = append(events, e.Message)
		}
	}
	if !slices.Equal(events, a.Untold) || len(events) != len(want) {
		t.Fatalf("told %q, in events %q", a.Untold, events)
	}
	for i, text := range want {
		if !strings.Contains(events[i], text) {
			t.Errorf("%q, want %q", events[i], text)
		}
	}
}
