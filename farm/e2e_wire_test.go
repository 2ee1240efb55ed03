package farm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// noticeLimit is how long the watchdog may take. The short form leaves room for a
// machine that does much else.
func noticeLimit() time.Duration {
	if *long {
		return 5 * time.Second
	}
	return 20 * time.Second
}

// TestWatchdogNamesTheBlindNode: a port that keeps back the VMAC's frames is named
// by everybody, and nobody else is; when it lets them through again, it is well.
func TestWatchdogNamesTheBlindNode(t *testing.T) {
	t.Parallel() // It mostly waits.
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	f.StartAll()
	f.Pass(2 * time.Second)
	victim := f.Nodes[1]
	fault, err := f.Withhold(f.Ctx, f.VMAC(), victim.Host)
	must(t, err)
	began := time.Now()
	f.awaitWire(noticeLimit(), "every node names "+victim.Name, func(s console.Status) bool {
		return len(s.Wire) == 1 && strings.HasPrefix(s.Wire[0], victim.Name+" gets no frames for "+f.VMAC().String())
	})
	t.Logf("noticed in %v: %s", time.Since(began).Round(10*time.Millisecond), f.wire(f.Nodes[0]))
	if n, err := fault.Dropped(f.Ctx); err != nil || n == 0 {
		t.Errorf("%d frames dropped, %v", n, err)
	}
	if out := f.Thresher(f.Nodes[2], "events"); !strings.Contains(out, "wire_blind") || !strings.Contains(out, victim.Name) {
		t.Errorf("no event:\n%s", out)
	}
	must(t, fault.Heal())
	f.awaitWire(noticeLimit(), "all is well", func(s console.Status) bool { return len(s.Wire) == 0 })
}

// TestWatchdogNoticesSnoopingByIP: on a bridge that snoops by IP address, frames for
// a group go to nobody, and the status names the setting.
func TestWatchdogNoticesSnoopingByIP(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 2, Clients: 2, Snooping: lab.SnoopIP}, lab.FarmOptions{Mode: "igmp"})
	f.StartAll()
	f.awaitSnooping(f.Clients[1])
	f.awaitWire(noticeLimit(), "no node gets frames", func(s console.Status) bool {
		return len(s.Wire) == 1 && strings.HasPrefix(s.Wire[0], "no node gets frames") && strings.Contains(s.Wire[0], "mcast_router 2")
	})
	for _, n := range f.Nodes {
		must(t, f.SetRouterPort(f.Ctx, n.Host))
	}
	f.awaitWire(noticeLimit(), "all is well", func(s console.Status) bool { return len(s.Wire) == 0 })
}

// awaitWire waits until what holds of every node's status.
func (f *testFarm) awaitWire(patience time.Duration, what string, holds func(console.Status) bool) {
	f.T.Helper()
	defer func() {
		if f.T.Failed() {
			for _, n := range f.Nodes {
				f.T.Log(f.wire(n))
			}
		}
	}()
	f.Eventually(patience, what, func() bool {
		for _, n := range f.Nodes {
			if s, err := f.Status(n); err != nil || !holds(s) {
				return false
			}
		}
		return true
	})
}

func (f *testFarm) wire(n *lab.Node) string {
	s, err := f.Status(n)
	return fmt.Sprintf("%s: %q %v", n.Name, s.Wire, err)
}
