package farm

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"thresher/cluster"
	"thresher/config"
)

// memberAt is a member that gossips there.
func memberAt(name, address string, phase cluster.Phase, alive bool) cluster.Member {
	m := member(name, phase, alive)
	m.Address = netip.MustParseAddrPort(address)
	return m
}

// listing is a node whose cluster.join names itself and web2.
func listing() *local {
	at := func(text string) config.Peer { return config.Peer{netip.MustParseAddrPort(text)} }
	cfg := &config.Config{Node: "web1"}
	cfg.Cluster.Bind = netip.MustParseAddrPort("192.0.2.1:7946")
	cfg.Cluster.Join = []config.Peer{at("192.0.2.1:7946"), at("192.0.2.2:7946")}
	return &local{cfg: cfg, roster: newRoster("web1", 0), events: quietEvents()}
}

// Nodes that have been there for a while and that cluster.join does not name are told of
// once, with what to add; not those that have said goodbye, and not while the farm grows.
func TestNodesThatJoinDoesNotName(t *testing.T) {
	l, now := listing(), time.Unix(1000, 0)
	everybody := []cluster.Member{
		memberAt("web1", "192.0.2.1:7946", cluster.Up, true), memberAt("web2", "192.0.2.2:7946", cluster.Up, true),
		memberAt("web3", "192.0.2.3:7946", cluster.Up, true), memberAt("web4", "192.0.2.4:7946", cluster.Up, true),
		memberAt("web5", "192.0.2.5:7946", cluster.Leaving, false),
	}
	look := func() string {
		l.roster.update(now, everybody, nil, quietEvents())
		l.watchJoin(now)
		if j := l.joinList(now); j != nil {
			return j.String()
		}
		return ""
	}
	want := func(when, says string) {
		t.Helper()
		if got := look(); got != says {
			t.Errorf("%s: %q, want %q", when, got, says)
		}
	}
	want("just met", "")
	now = now.Add(joinPatience - 1)
	want("before long", "")
	now = now.Add(1)
	const both = "cluster.join names 2 of 4 nodes: add 192.0.2.3:7946, 192.0.2.4:7946, and thresher reload"
	want("after a while", both)
	everybody[3] = memberAt("web4", "192.0.2.4:7946", cluster.Up, false)
	want("one is silent", both)
	if got := messages(l.events, 0); len(got) != 1 || got[0][:len(both)] != both {
		t.Errorf("told %q", got)
	}
	l.written = []config.Peer{{netip.MustParseAddrPort("192.0.2.3:7946")}}
	want("one is written down", "cluster.join names 3 of 4 nodes: add 192.0.2.4:7946, and thresher reload")
	everybody[3] = memberAt("web4", "192.0.2.4:7946", cluster.Leaving, false)
	want("the other has gone", "")
}

// A list names a node by any of its addresses.
func TestNamesByOneAddress(t *testing.T) {
	one, two, three := netip.MustParseAddrPort("192.0.2.1:7946"), netip.MustParseAddrPort("198.51.100.1:7946"), netip.MustParseAddrPort("192.0.2.3:7946")
	list := []config.Peer{{three}, {one, two}}
	for _, peer := range []config.Peer{{two}, {one, netip.MustParseAddrPort("203.0.113.1:7946")}} {
		if !names(list, peer) {
			t.Errorf("%v does not name %v", list, peer)
		}
	}
	if names(slices.Clip(list[:1]), config.Peer{one, two}) {
		t.Error("named by an address that is not there")
	}
}
