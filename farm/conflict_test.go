package farm

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
)

func TestConflictsAreShownForAWhile(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("2001:db8::100")
	first, second := config.MAC{2, 0, 0, 0, 0, 1}, config.MAC{2, 0, 0, 0, 0, 2}
	start := time.Unix(1000, 0)
	var c conflicts
	c.seen(four, first, start)
	c.seen(six, first, start.Add(time.Minute))
	c.seen(four, second, start.Add(10*time.Second))
	of := func(mac config.MAC, vip netip.Addr, after time.Duration) *console.Conflict {
		one := claim{mac: mac}
		return &console.Conflict{MAC: mac.String(), Seen: start.Add(after), Text: one.text(vip)}
	}
	for after, want := range map[time.Duration][2]*console.Conflict{
		time.Minute:                     {of(second, four, 10*time.Second), of(first, six, time.Minute)},
		conflictShown + 11*time.Second:  {nil, of(first, six, time.Minute)},
		conflictShown + 100*time.Second: {nil, nil},
	} {
		now := start.Add(after)
		if diff := cmp.Diff(want, [2]*console.Conflict{c.of(four, now), c.of(six, now)}); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", after, diff)
		}
	}
}

// A claim with the VMAC is a conflict when who made it is no node for longer than one
// that has just joined could be unknown; the farm's own are none, and one that goes on is
// told once in a while.
func TestAnotherFarmsClaims(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.100")
	ours, newcomer, foreign := config.MAC{2, 0, 0, 0, 0, 1}, config.MAC{2, 0, 0, 0, 0, 2}, config.MAC{2, 0, 0, 0, 0, 9}
	start := time.Unix(1000, 0)
	at := func(after time.Duration) time.Time { return start.Add(after) }
	nodes := map[config.MAC]string{ours: "web1"}
	var c conflicts
	c.know(nodes, start)
	c.sighted(vip, ours, start)
	c.sighted(vip, newcomer, start)
	if found := c.know(nodes, at(time.Second)); len(found) != 0 {
		t.Errorf("after 1 s: %v", found)
	}
	if found := c.know(map[config.MAC]string{ours: "web1", newcomer: "web2"}, at(2*time.Second)); len(found) != 0 || c.of(vip, at(2*time.Second)) != nil {
		t.Errorf("the newcomer is known: %v", found)
	}
	var told []time.Duration
	for after := 3 * time.Second; after < 20*time.Second; after += time.Second {
		c.sighted(vip, foreign, at(after))
		for range c.know(nodes, at(after)) {
			told = append(told, after)
		}
	}
	if len(told) == 0 || told[0] != 3*time.Second+strangerGrace || len(told) > 2 {
		t.Errorf("told at %v", told)
	}
	if shown := c.of(vip, at(20*time.Second)); shown == nil || shown.MAC != foreign.String() || !strings.Contains(shown.Text, "thresher join") {
		t.Errorf("shown: %+v", shown)
	}
}

// A node that claims a VIP with its own address is named.
func TestTheClaimantIsNamed(t *testing.T) {
	vip, mac := netip.MustParseAddr("192.0.2.100"), config.MAC{2, 0, 0, 0, 0, 2}
	var c conflicts
	c.know(map[config.MAC]string{mac: "web2"}, time.Unix(1000, 0))
	if text := c.seen(vip, mac, time.Unix(1001, 0)).text(vip); !strings.Contains(text, "that is node web2") {
		t.Error(text)
	}
}

// Who is of the farm is known by gossip, and by reports that are not old.
func TestKnownNodes(t *testing.T) {
	a, b, c, d := config.MAC{2, 1}, config.MAC{2, 2}, config.MAC{2, 3}, config.MAC{2, 4}
	now := time.Unix(1000, 0)
	got := knownNodes([]cluster.Member{
		{Name: "web1", Alive: true, Meta: cluster.Meta{MAC: a}}, {Name: "web2", Meta: cluster.Meta{MAC: b}}, {Name: "web5", Alive: true},
	}, map[config.MAC]reporter{c: {"web3", now.Add(-time.Second)}, d: {"web4", now.Add(-time.Minute)}}, now)
	if diff := cmp.Diff(map[config.MAC]string{a: "web1", c: "web3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
