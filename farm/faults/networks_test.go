package faults

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestNetworks breaks a farm of three on two heartbeat networks: that of the VIPs,
// and one of the nodes' own.
func TestNetworks(t *testing.T) {
	twoAtATime(t)
	f := newFarm(t, lab.Config{Nodes: 3, Clients: 2, ClientAddresses: 8, Back: true}, lab.FarmOptions{
		// A node whose cable is pulled lets its connections end for that long before it
		// takes its part again.
		StopDrain: short(time.Second, config.DefaultStopDrain).String(),
	})
	for _, c := range []fault{
		{"R09GossipAndHeartbeatsBlocked", frontSilenced},
		{"R09OnlyTheBackIsLeft", frontCut},
		{"R09BackCut", backCut},
		{"R09BackPulled", backPulled},
		{"R09FrontPulled", func(f *farmtest.Farm) { pulled(f, false) }},
		{"R09BothPulled", func(f *farmtest.Farm) { pulled(f, true) }},
	} {
		if !f.Run(c.name, func(f *farmtest.Farm) { c.run(f); mend(f) }) {
			break
		}
	}
}

// TestNetworkAdded gives a farm on one network a second one, by a reload of each node:
// no connection notices, and then it can do without the first.
func TestNetworkAdded(t *testing.T) {
	if !*long {
		return // TestNetworks has two from the beginning
	}
	f := farmtest.NewFor(t, binary, farmLimit(), lab.Config{Nodes: 3, Clients: 2, ClientAddresses: 8, Back: true},
		lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session"})
	f.StartEcho(f.Nodes...)
	both := make(map[string]string)
	for _, n := range f.Nodes {
		yaml, err := n.NodeConfig(f.Options)
		f.Must(err)
		both[n.Name] = yaml
		list := fmt.Sprintf("[%s:7946, %s:7946]", n.Address, n.Back)
		f.StartWith(n, replaced(f, yaml, "bind: "+list, "bind: "+n.Address.String()))
	}
	f.Converge(f.Nodes...)
	before := f.Views(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{})
	for _, n := range f.Nodes {
		f.Must(os.WriteFile(n.ConfigFile(), []byte(both[n.Name]), 0o600))
		t.Log(f.Thresher(n, "reload"))
		f.Pass(time.Second)
		f.Converge(f.Nodes...)
	}
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(hiccup)
	l.CheckKept()
	l.CheckVisits(0)
	still(f, before)
	frontSilenced(f)
}

// frontOf and backOf are where a node gossips on either network.
func frontOf(n *lab.Node) netip.Addr { return n.Address }
func backOf(n *lab.Node) netip.Addr  { return n.Back }

// named holds that a node's status names a network as cut towards these and towards
// nobody else, and its gossip as blocked towards nobody.
func named(f *farmtest.Farm, by *lab.Node, on func(*lab.Node) netip.Addr, nodes ...*lab.Node) {
	f.T.Helper()
	var want []string
	for _, n := range nodes {
		want = append(want, n.Name+" at "+netip.AddrPortFrom(on(n), 7946).String())
	}
	slices.Sort(want)
	f.Eventually(10*time.Second, by.Name+" names the cut "+strings.Join(want, ", "), func() bool {
		s, err := f.Status(by)
		return err == nil && s.Cluster != nil && slices.Equal(s.Cluster.NetworksCut, want) && len(s.Cluster.GossipBlocked) == 0
	})
}

// allNamed is named by each node towards all others.
func allNamed(f *farmtest.Farm, on func(*lab.Node) netip.Addr) {
	f.T.Helper()
	for _, n := range f.Nodes {
		named(f, n, on, f.Others(n)...)
	}
}

// noneNamed holds that all is well again in every node's eyes.
func noneNamed(f *farmtest.Farm) {
	f.T.Helper()
	for _, n := range f.Nodes {
		named(f, n, backOf)
	}
}

// frontSilenced takes gossip and heartbeats on the VIPs' network among all nodes:
// they go on by the other, and nobody notices.
func frontSilenced(f *farmtest.Farm) {
	all := farmtest.Hosts(f.Nodes...)
	cuts := append(lab.Between(all, all, lab.Gossip), lab.Between(all, all, lab.Heartbeats)...)
	harmless(f, func(*farmtest.Load) { allNamed(f, frontOf) }, cuts...)
	noneNamed(f)
}

// frontCut takes everything between the nodes on the VIPs' network, while clients
// reach all of them: the same.
func frontCut(f *farmtest.Farm) {
	all := farmtest.Hosts(f.Nodes...)
	harmless(f, func(*farmtest.Load) { allNamed(f, frontOf) }, lab.Between(all, all, lab.Everything)...)
	noneNamed(f)
}

// backCut takes the other network of one node: nobody notices, and who is at its ends
// says so, as an event too.
func backCut(f *farmtest.Farm) {
	victim, others := split(f)
	told := func(*farmtest.Load) {
		named(f, victim, backOf, others...)
		for _, n := range others {
			named(f, n, backOf, victim)
		}
	}
	harmlessOn(f, f.CutBack, told, lab.Between(farmtest.Hosts(victim), farmtest.Hosts(others...), lab.Everything)...)
	noneNamed(f)
	events := f.Thresher(others[0], "events", "--json")
	for _, kind := range []string{"network_cut", "network_restored"} {
		if !strings.Contains(events, `"`+kind+`"`) {
			f.T.Errorf("%s has no event %s:\n%s", others[0].Name, kind, events)
		}
	}
}

// backPulled pulls the cable of a node's other network: it sends there in vain.
func backPulled(f *farmtest.Farm) {
	victim, others := split(f)
	before := f.Views(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{})
	f.Must(f.BackPortUp(victim, false))
	f.Pass(short(3*time.Second, time.Minute))
	named(f, others[0], backOf, victim)
	f.Must(f.BackPortUp(victim, true))
	f.Pass(time.Second)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(0)
	l.CheckKept()
	l.CheckVisits(0)
	still(f, before)
	noneNamed(f)
}

// pulled pulls the cable of the VIPs' network, or both: the node's clients are the
// others' in time, and it takes its part again.
func pulled(f *farmtest.Farm, both bool) {
	victim, others := split(f)
	l := f.StartLoad(farmtest.LoadOptions{Victim: victim, Patience: 2 * time.Second})
	f.Pass(300 * time.Millisecond)
	cut := time.Now()
	if both {
		f.Must(f.BackPortUp(victim, false))
	}
	f.Must(f.PortUp(victim.Host, false))
	f.Pass(afterLoss())
	f.Converge(others...)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckTakeover(cut, victim, takeoverLimit)
	l.CheckKept(victim)
	f.Must(f.PortUp(victim.Host, true))
	if both {
		f.Must(f.BackPortUp(victim, true))
	}
	f.Converge(f.Nodes...)
	f.ClientsOf(l.Watch, victim)
	l.CheckOneAnswer()
	noneNamed(f)
}
