package vm

import (
	"net/netip"
	"testing"
	"time"

	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// farmNodes is how many machines the farm has.
const farmNodes = 3

// connections are kept while it breaks.
const connections = 30

// TestPowerLoss runs a farm of three machines, cuts the power of one, and looks at
// its clients from outside: the others take them over, no SYN has two answers, and
// the others' connections go on. Emulated machines share this one's processors and
// stop for tens of milliseconds, so the farm has profile wan.
func TestPowerLoss(t *testing.T) {
	forKernels(t, []string{"6.18"}, func(t *testing.T, k Kernel, o Options) {
		ctx, l := newLab(t, lab.Config{Nodes: farmNodes})
		client, key := l.Clients[0], newKey(t)
		var nodes []*node
		for _, place := range l.Nodes {
			nodes = append(nodes, boot(t, ctx, l, place, o))
		}
		for _, n := range nodes {
			yaml, err := n.NodeConfig(lab.FarmOptions{KeyFile: keyFile, TCPPorts: []int{80, 7}, Affinity: "session", Profile: "wan"})
			must(t, err)
			n.start(yaml, key)
		}
		serves(nodes...)

		watch, err := client.WatchHandshakes(lab.VIP())
		must(t, err)
		echo := netip.AddrPortFrom(lab.VIP(), 7)
		kept, err := traffic.Keep(ctx, client, traffic.KeepOptions{To: echo, Busy: connections, Every: time.Second, Rate: 20, Patience: 30 * time.Second})
		must(t, err)
		t.Cleanup(func() { must(t, kept.Close()) })
		victim := nodes[1]
		its := servedBy(watch, victim)
		t.Logf("%s serves %d of %d connections", victim.Name, its, connections)
		probes := traffic.ProbeOptions{To: echo, MAC: vmac(), Every: 50 * time.Millisecond}
		probes.From = clientsOf(t, l, watch, victim, probes)
		prober := traffic.Probe(ctx, client, watch, probes)
		time.Sleep(2 * time.Second)
		at := time.Now()
		must(t, victim.Cut())
		time.Sleep(15 * time.Second)
		line, err := prober.Stop(ctx)
		must(t, err)
		report, err := kept.Finish(ctx)
		must(t, err)
		took, ok := line.Takeover(at, victim.MAC)
		t.Logf("taken over after %v; %d probes, %d lost; %d connections kept, %d broken; slowest echo %v", took.Round(time.Millisecond),
			len(line), line.Lost(), report.Connections, len(report.Broken), report.Worst.Round(time.Millisecond))
		if !ok {
			t.Error("nobody took the victim's clients over")
		}
		if len(report.Broken) != its {
			t.Errorf("%d connections broke, %d were the victim's", len(report.Broken), its)
		}
		must(t, watch.Check())
		if doubles := watch.DoubleAnswers(); len(doubles) > 0 {
			t.Errorf("%d SYNs were answered by two nodes", len(doubles))
		}
		serves(nodes[0], nodes[2])
	})
}

// clientsOf are clients that the node serves.
func clientsOf(t *testing.T, l *lab.Lab, watch *lab.Handshakes, n *node, o traffic.ProbeOptions) []netip.AddrPort {
	t.Helper()
	all, err := traffic.Clients(n.ctx, l.Clients[0], watch, traffic.ProbeOptions{To: o.To, MAC: o.MAC}, 150)
	must(t, err)
	if len(all[n.MAC]) == 0 {
		t.Fatalf("%s serves none of 150 clients", n.Name)
	}
	return all[n.MAC]
}

// servedBy is how many of the connections that the watch saw open the node has.
func servedBy(watch *lab.Handshakes, n *node) (count int) {
	for _, h := range watch.All() {
		if len(h.By) > 0 && h.By[0] == n.MAC {
			count++
		}
	}
	return count
}
