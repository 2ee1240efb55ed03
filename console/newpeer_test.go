package console

import (
	"errors"
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

// A node whose daemon is busy does not know who the others are: it invites nobody and lets
// nobody in, who keeps his invitation, and where it becomes so meanwhile, it says that
// nobody was told.
func TestABusyNodeLetsNobodyIn(t *testing.T) {
	farm := startFarm(t, 2)
	in, err := farm[0].client.Invite(t.Context())
	must(t, err)
	token, err := invite.Parse(in.Token)
	must(t, err)
	newcomer := Newcomer{Node: "web5", Bind: netip.MustParseAddrPort("127.0.0.9:7946")}
	farm[0].farm.mu.Lock()
	well := farm[0].farm.status
	farm[0].farm.status = Status{Node: "web1", State: Busy}
	farm[0].farm.mu.Unlock()
	busy := func(what string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, "web1 does not answer") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = farm[0].client.Invite(t.Context())
	busy("an invitation", err)
	_, err = Join(t.Context(), token, newcomer)
	busy("a newcomer", err)
	const want = "node web5 is not in the configuration of the other nodes (web1 does not answer"
	if untold := farm[0].server.tellAll(t.Context(), newcomer); len(untold) != 1 || !strings.HasPrefix(untold[0], want) {
		t.Errorf("untold %q, want %q", untold, want)
	}
	if got := farm[0].farm.called(); len(got) > 0 {
		t.Errorf("the farm was told %v", got)
	}
	farm[0].farm.mu.Lock()
	farm[0].farm.status = well
	farm[0].farm.mu.Unlock()
	_, err = Join(t.Context(), token, newcomer)
	must(t, err)
}
