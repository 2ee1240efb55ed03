package farm_test

import (
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestUnfitMachinesWait takes from a node's network what it cannot serve without: the
// node waits and says why, its clients are served by the others, and it is back when
// its network is.
func TestUnfitMachinesWait(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{})
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
	}
	f.StartAll()
	victim := f.Nodes[1]
	vip, own := lab.VIP().String()+"/24", f.ownAddress(victim)
	ip := func(words string) []string { return strings.Fields("ip " + words) }
	for _, tt := range []struct {
		name, says, cure string
		unfit, fit       [][]string
	}{
		{"the VIP is put on the interface", "address " + lab.VIP().String() + " is already on eth0", "ip address del " + vip + " dev eth0",
			[][]string{ip("address add " + vip + " dev eth0")}, [][]string{ip("address del " + vip + " dev eth0")}},
		{"the interface's address is lost", "eth0 has no IPv4 address of its own", "ip address add",
			[][]string{ip("address del " + own + " dev eth0")}, [][]string{ip("address add " + own + " dev eth0")}},
		{"the interface has another address", "no interface of this machine has the address " + strings.Split(own, "/")[0] + " of cluster.bind", "give it that one",
			[][]string{ip("address add 198.18.0.77/24 dev eth0"), ip("address del " + own + " dev eth0")},
			[][]string{ip("address del 198.18.0.77/24 dev eth0"), ip("address replace " + own + " dev eth0")}},
		{"the MTU has no room for heartbeats", "MTU 300 of eth0 has no room for heartbeats", "ip link set eth0 mtu 1500",
			[][]string{ip("link set eth0 mtu 300")}, [][]string{ip("link set eth0 mtu 1500")}},
		{"the interface is named anew", "interface eth0 is named lan0 now", "ip link set lan0 name eth0",
			[][]string{ip("link set eth0 down"), ip("link set eth0 name lan0"), ip("link set lan0 up")},
			[][]string{ip("link set lan0 down"), ip("link set lan0 name eth0"), ip("link set eth0 up")}},
	} {
		f.Run(tt.name, func(*farmtest.Farm) {
			for _, command := range tt.unfit {
				f.run(victim.Host, command...)
			}
			f.Eventually(20*time.Second, victim.Name+" waits", func() bool {
				s, err := f.Status(victim)
				return err == nil && s.State == console.Waiting && strings.Contains(s.Reason, tt.says) && strings.Contains(s.Reason, tt.cure) && len(s.Machine) > 0
			})
			f.says(victim, tt.says)
			if out, err := victim.Run(f.Ctx, binary, "check", "--config", victim.ConfigFile()); err == nil {
				f.T.Errorf("check finds nothing:\n%s", out)
			}
			f.Converge(f.Nodes[0], f.Nodes[2])
			f.serves(300)
			for _, command := range tt.fit {
				f.run(victim.Host, command...)
			}
			f.Converge(f.Nodes...)
			f.serves(300)
		})
	}
}

// TestNoLinkLocalAddress: without one a node answers none of its IPv6 clients.
func TestNoLinkLocalAddress(t *testing.T) {
	t.Parallel()
	f := bothFamilies(t, lab.Config{Nodes: 2}, lab.FarmOptions{})
	f.StartAll()
	victim := f.Nodes[1]
	ipv6 := func(off string) {
		f.run(victim.Host, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6="+off)
	}
	ipv6("1")
	f.Eventually(20*time.Second, victim.Name+" waits", func() bool {
		s, err := f.Status(victim)
		return err == nil && s.State == console.Waiting && strings.Contains(s.Reason, "no link-local IPv6 address")
	})
	f.Converge(f.Nodes[0])
	ipv6("0")
	f.Converge(f.Nodes...)
}

// ownAddress is the one on a node's interface, with its length.
func (f *testFarm) ownAddress(n *lab.Node) string {
	f.T.Helper()
	words := strings.Fields(f.run(n.Host, "ip", "-4", "-o", "address", "show", "dev", "eth0"))
	if len(words) < 4 {
		f.T.Fatalf("%s has no address: %q", n.Name, words)
	}
	return words[3]
}

// TestCheckFindsWhatRunRefuses: a VIP that somebody has put on this machine, before the
// daemon starts.
func TestCheckFindsWhatRunRefuses(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	f.StartAll()
	must(t, f.Daemons[n.Name].Stop(f.Ctx))
	for _, at := range []string{"/24 dev eth0", "/32 dev lo"} {
		change := lab.VIP().String() + at
		f.run(n.Host, append([]string{"ip", "address", "add"}, strings.Fields(change)...)...)
		for _, command := range []string{"check", "run"} {
			out, err := n.Run(f.Ctx, binary, command, "--config", n.ConfigFile())
			if err == nil || !strings.Contains(string(out)+err.Error(), "ip address del "+change) {
				t.Errorf("%s with the VIP at %s: %v\n%s", command, at, err, out)
			}
		}
		f.run(n.Host, append([]string{"ip", "address", "del"}, strings.Fields(change)...)...)
	}
	if out, err := n.Run(f.Ctx, binary, "check", "--config", n.ConfigFile()); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
}
