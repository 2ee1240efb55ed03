package farm

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/console"
)

func member(name string, phase cluster.Phase, alive bool) cluster.Member {
	return cluster.Member{
		Name: name, Address: netip.MustParseAddrPort("192.0.2.11:7946"),
		Meta: cluster.Meta{Phase: phase}, Alive: alive,
	}
}

func TestStateOfAMember(t *testing.T) {
	for _, tt := range []struct {
		phase cluster.Phase
		alive bool
		want  console.NodeState
	}{
		{cluster.Starting, true, console.Starting},
		{cluster.Up, true, console.Up},
		{cluster.Leaving, true, console.Stopped},
		{cluster.Stopped, true, console.Stopped},
		{0, true, console.Starting}, // what it says cannot be read
		{cluster.Up, false, console.Unreachable},
		{cluster.Starting, false, console.Unreachable},
		{cluster.Leaving, false, console.Stopped},
		{cluster.Stopped, false, console.Stopped},
	} {
		if got := stateOf(member("web2", tt.phase, tt.alive), peer{}); got != tt.want {
			t.Errorf("%v, alive %v: %s, want %s", tt.phase, tt.alive, got, tt.want)
		}
	}
}

// quietEvents are events that nobody logs.
func quietEvents() *events {
	return &events{ring: console.NewLog(0), log: slog.New(slog.DiscardHandler)}
}

// messages are what the events say from the one with number from on.
func messages(e *events, from uint64) []string {
	var list []string
	for _, one := range e.ring.Since(from) {
		list = append(list, one.Message)
	}
	return list
}

// Each change of another node is told once; nodes that the list has forgotten
// stay as they were last.
func TestRosterTellsChangesOnce(t *testing.T) {
	e := quietEvents()
	r, epoch := newRoster("web1", 1), time.Unix(1000, 0)
	lists := [][]cluster.Member{
		{member("web1", cluster.Starting, true)},
		{member("web1", cluster.Up, true), member("web2", cluster.Starting, true)},
		{member("web1", cluster.Up, true), member("web2", cluster.Up, true)},
		{member("web1", cluster.Up, true), member("web2", cluster.Up, true)},
		{member("web1", cluster.Up, true), member("web2", cluster.Up, false), member("web0", cluster.Up, true)},
		{member("web1", cluster.Up, true)},
		{member("web1", cluster.Up, true), member("web2", cluster.Up, true)},
	}
	for _, list := range lists {
		r.update(epoch, list, nil, e)
	}
	want := []string{
		"node web2 is starting", "node web2 is up", "node web2 is unreachable", "node web0 is up", "node web2 is up",
	}
	if diff := cmp.Diff(want, messages(e, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web0", "web1", "web2"}, r.names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.nodes["web0"]; got.state != console.Up || got.address != netip.MustParseAddrPort("192.0.2.11:7946") {
		t.Errorf("web0 is %+v", got)
	}
}

// What the heartbeats tell counts where gossip does not come through, and a node
// whose heartbeats have stopped is gone, before gossip knows.
func TestStateByHeartbeats(t *testing.T) {
	for _, tt := range []struct {
		phase cluster.Phase
		alive bool
		peer  peer
		want  console.NodeState
	}{
		{cluster.Up, true, peer{ever: true, heard: true, phase: confirm.Up}, console.Up},
		{cluster.Up, true, peer{ever: true, phase: confirm.Up}, console.Unreachable},
		{cluster.Draining, true, peer{ever: true, heard: true, phase: confirm.Leaving}, console.Draining},
		{cluster.Up, false, peer{ever: true, heard: true, phase: confirm.Up}, console.Up},
		{cluster.Up, false, peer{ever: true, heard: true, phase: confirm.Leaving}, console.Stopped},
		{cluster.Up, false, peer{ever: true, heard: true, phase: confirm.Starting}, console.Starting},
		{cluster.Starting, true, peer{ever: true, heard: true, phase: confirm.Up}, console.Up}, // gossip is behind
		{cluster.Draining, true, peer{ever: true, heard: true, phase: confirm.Leaving}, console.Draining},
		{cluster.Up, false, peer{ever: true, phase: confirm.Up}, console.Unreachable},
	} {
		if got := stateOf(member("web2", tt.phase, tt.alive), tt.peer); got != tt.want {
			t.Errorf("%v, alive %v, %+v: %s, want %s", tt.phase, tt.alive, tt.peer, got, tt.want)
		}
	}
}

// updateFor updates a roster each second for so long, from a time on, and returns when
// it did so last.
func updateFor(r *roster, from time.Time, span time.Duration, members []cluster.Member, peers map[string]peer, e *events) (last time.Time) {
	for at := time.Duration(0); at <= span; at += time.Second {
		last = from.Add(at)
		r.update(last, members, peers, e)
	}
	return last
}

// A node that is heard on the wire and not by gossip, for a while, is shown with the
// address that it says it gossips on, whether gossip ever knew it or not.
func TestRosterNamesBlockedGossip(t *testing.T) {
	e := quietEvents()
	r, epoch := newRoster("web1", 1), time.Unix(1000, 0)
	heard := peer{ever: true, heard: true, phase: confirm.Up, gossip: netip.MustParseAddrPort("192.0.2.12:7946")}
	last := updateFor(&r, epoch, gossipPatience, []cluster.Member{member("web1", cluster.Up, true)}, map[string]peer{"web2": heard, "web3": {}}, e)
	if diff := cmp.Diff([]string{"web2 at 192.0.2.12:7946"}, r.blocked()); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
	r.update(last, []cluster.Member{member("web1", cluster.Up, true), member("web2", cluster.Up, true)}, map[string]peer{"web2": heard}, e)
	if got := r.blocked(); len(got) != 0 {
		t.Errorf("still blocked: %v", got)
	}
	want := []string{
		"node web2 is up",
		"node web2 is there, but gossip with it does not come through: let UDP and TCP through between this node and 192.0.2.12:7946",
		"gossip with node web2 comes through again",
	}
	if diff := cmp.Diff(want, messages(e, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A node that only others reach by gossip is shown with its address, too.
func TestRosterNamesWhoIsReachedByOthersOnly(t *testing.T) {
	r := newRoster("web1", 1)
	m := member("web2", cluster.Up, true)
	m.Relayed = true
	updateFor(&r, time.Unix(1000, 0), gossipPatience, []cluster.Member{member("web1", cluster.Up, true), m}, nil, quietEvents())
	if diff := cmp.Diff([]string{"web2 at " + m.Address.String()}, r.blocked()); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
}

// Nothing is said of gossip that does not come through for a moment: when a node joins
// or has run its program anew, nor when this one has stood still meanwhile.
func TestRosterIsPatientWithGossip(t *testing.T) {
	heard := map[string]peer{"web2": {ever: true, heard: true, phase: confirm.Up}}
	lost := []cluster.Member{member("web1", cluster.Up, true), member("web2", cluster.Up, false)}
	relayed := []cluster.Member{member("web1", cluster.Up, true), member("web2", cluster.Up, true)}
	relayed[1].Relayed = true
	well := []cluster.Member{member("web1", cluster.Up, true), member("web2", cluster.Up, true)}
	for _, tt := range []struct {
		name         string
		members      []cluster.Member
		pause, after time.Duration
		blocked      bool
	}{
		{"not listed", nil, 0, gossipPatience - time.Second, false},
		{"not listed for long", nil, 0, gossipPatience, true},
		{"lost", lost, 0, gossipPatience - time.Second, false},
		{"lost for long", lost, 0, gossipPatience, true},
		{"lost over a pause", lost, time.Minute, gossipPatience - time.Second, false},
		{"lost long after a pause", lost, time.Minute, gossipPatience, true},
		{"relayed for as long as the cluster takes", relayed, 0, time.Second, true},
		{"relayed over a pause", relayed, time.Minute, gossipPatience - time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := quietEvents()
			r := newRoster("web1", 1)
			last := updateFor(&r, time.Unix(1000, 0), gossipPatience-time.Second, well, heard, e)
			if tt.members == nil {
				delete(r.nodes, "web2")
			}
			r.update(last, tt.members, heard, e)
			updateFor(&r, last.Add(tt.pause), tt.after, tt.members, heard, e)
			if got := len(r.blocked()) > 0; got != tt.blocked {
				t.Errorf("blocked: %v, want %v: %q", got, tt.blocked, messages(e, 0))
			}
			if said := strings.Contains(strings.Join(messages(e, 0), "\n"), "does not come through"); said != tt.blocked {
				t.Errorf("said: %v, want %v", said, tt.blocked)
			}
		})
	}
}

// What the process before this one knew to be blocked stays so, without being said again.
func TestBlockedGossipOutlivesARestart(t *testing.T) {
	e := quietEvents()
	r := newRoster("web1", 1)
	r.nodes["web2"] = rosterEntry{state: console.Up, blocked: true}
	r.update(time.Unix(1000, 0), nil, map[string]peer{"web2": {ever: true, heard: true, phase: confirm.Up}}, e)
	if len(r.blocked()) != 1 || len(messages(e, 0)) != 0 {
		t.Errorf("blocked: %v; said: %q", r.blocked(), messages(e, 0))
	}
}

// TestWhoHasLeftHasDoneSoOverARestart: gossip does not learn again of a node that said
// goodbye, heartbeats do. It is not lost, not missed in cluster.join, and no newcomer is
// told of it; since when the others are known is known still.
func TestWhoHasLeftHasDoneSoOverARestart(t *testing.T) {
	now := time.Unix(1000, 0)
	old := listing()
	old.roster.update(now, []cluster.Member{
		memberAt("web2", "192.0.2.2:7946", cluster.Up, true), memberAt("web3", "192.0.2.3:7946", cluster.Leaving, false),
		memberAt("web4", "192.0.2.4:7946", cluster.Up, true), memberAt("web5", "192.0.2.5:7946", cluster.Up, false),
	}, nil, quietEvents())
	for _, tt := range []struct {
		release string
		change  func(*handedNode)
		missing []string // in cluster.join, at once
	}{
		{"this one", func(*handedNode) {}, []string{"192.0.2.4:7946", "192.0.2.5:7946"}},
		{"one that did not say since when", func(n *handedNode) { n.Since = time.Time{} }, nil},
	} {
		handed := old.roster.hand()
		for name, n := range handed {
			tt.change(&n)
			handed[name] = n
		}
		next, later := listing(), now.Add(joinPatience)
		next.roster.resume(later, handed)
		next.watchJoin(later) // gossip has found nobody yet
		gone := func(phase confirm.Phase, at string) peer {
			return peer{ever: true, phase: phase, gossip: netip.MustParseAddrPort(at)}
		}
		next.roster.update(later, []cluster.Member{memberAt("web2", "192.0.2.2:7946", cluster.Up, true)}, map[string]peer{
			"web3": gone(confirm.Leaving, "192.0.2.3:7946"), "web5": gone(confirm.Up, "192.0.2.5:7946"),
		}, next.events)
		if got := messages(next.events, 0); len(got) != min(1, len(tt.missing)) {
			t.Errorf("handed by %s: told %q", tt.release, got)
		}
		if got := next.roster.nodes["web3"]; got.state != console.Stopped || !got.left {
			t.Errorf("handed by %s: who has left is %+v", tt.release, got)
		}
		var missing []string
		for _, peer := range next.unlisted(later, joinPatience) {
			missing = append(missing, peer.String())
		}
		if diff := cmp.Diff(tt.missing, missing); diff != "" {
			t.Errorf("handed by %s: missing (-want +got):\n%s", tt.release, diff)
		}
		if got := next.unlisted(later, 0); len(got) != 2 {
			t.Errorf("handed by %s: a newcomer is told of %v", tt.release, got)
		}
	}
}

// A node whose configuration is another one is told of once, and when it is not any
// more; of one that is gone nothing is known.
func TestRosterTellsWhoseConfigDiffers(t *testing.T) {
	e := quietEvents()
	r, epoch := newRoster("web1", 1), time.Unix(1000, 0)
	with := func(digest uint64, alive bool) cluster.Member {
		m := member("web2", cluster.Up, alive)
		m.Meta.Digest = digest
		return m
	}
	for _, m := range []cluster.Member{with(1, true), with(2, true), with(2, true), with(1, true), with(3, true), with(3, false)} {
		r.update(epoch, []cluster.Member{m}, nil, e)
	}
	want := []string{
		"node web2 is up",
		"node web2 has other VIPs, rules or default than this one, or another hash key: make them alike (thresher config get --node web2)",
		"node web2 has the same VIPs and rules as this one",
		"node web2 has other VIPs, rules or default than this one, or another hash key: make them alike (thresher config get --node web2)",
		"node web2 is unreachable",
	}
	if diff := cmp.Diff(want, messages(e, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A node that is gone for good is forgotten an hour after it was last there, also in a
// process that has taken over from another, and by who has heard it on the wire.
func TestRosterForgets(t *testing.T) {
	e := quietEvents()
	r, epoch := newRoster("web1", 1), time.Unix(1000, 0)
	r.nodes["web2"] = rosterEntry{state: console.Unreachable} // handed over
	own := []cluster.Member{member("web1", cluster.Up, true)}
	silent := map[string]peer{"web3": {ever: true, phase: confirm.Up}, "web4": {ever: true, heard: true, phase: confirm.Up}}
	for _, step := range []struct {
		at      time.Duration
		members []cluster.Member
		peers   map[string]peer
		want    []string
	}{
		{0, append(own, member("web3", cluster.Up, true)), nil, []string{"web1", "web2", "web3"}},
		{time.Second, append(own, member("web3", cluster.Up, false)), silent, []string{"web1", "web2", "web3", "web4"}},
		{cluster.ForgetAfter, append(own, member("web3", cluster.Up, false)), silent, []string{"web1", "web2", "web3", "web4"}},
		// Gossip lists it still.
		{cluster.ForgetAfter + 1, append(own, member("web3", cluster.Up, false)), silent, []string{"web1", "web3", "web4"}},
		{cluster.ForgetAfter + 2, own, silent, []string{"web1", "web4"}},
		{cluster.ForgetAfter + 3, own, silent, []string{"web1", "web4"}},
	} {
		r.update(epoch.Add(step.at), step.members, step.peers, e)
		if diff := cmp.Diff(step.want, r.names()); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.at, diff)
		}
	}
	want := []string{"node web3 is up", "node web3 is unreachable", "node web4 is up"}
	if diff := cmp.Diff(want, messages(e, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
