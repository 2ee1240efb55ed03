package farm_test

import (
	"net/netip"
	"testing"
	"time"

	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// takeoverLimit is how long the clients of a node that lost its power may be
// without service (FAULTS R1).
const takeoverLimit = 1500 * time.Millisecond

// TestPowerLoss cuts a node's power under load: its clients are answered by the
// others soon after, and nobody else's connection notices.
func TestPowerLoss(t *testing.T) {
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{7}, Affinity: "session"})
	for _, n := range f.Nodes {
		_, err := n.StartEchoProcess(":7")
		must(t, err)
	}
	f.startAll()
	watch, err := f.client.WatchHandshakes()
	must(t, err)
	to := netip.AddrPortFrom(lab.VIP(), 7)
	victim := f.Nodes[2]
	kept, err := traffic.Keep(f.ctx, f.client, traffic.KeepOptions{To: to, Busy: 100, Idle: 200, Patience: 2 * time.Second})
	must(t, err)
	defer kept.Close()
	server := servers(watch)

	probes := traffic.ProbeOptions{To: to, MAC: vmac}
	clients, err := traffic.Clients(f.ctx, f.client, watch, probes, 3000)
	must(t, err)
	probes.From = clients[victim.MAC]
	if len(probes.From) < 800 {
		t.Fatalf("%s serves %d of 3000 clients", victim.Name, len(probes.From))
	}
	prober := traffic.Probe(f.ctx, f.client, watch, probes)
	connector := traffic.Connect(f.ctx, f.client, traffic.ConnectOptions{To: to, Rate: 100})
	time.Sleep(500 * time.Millisecond)
	cut := time.Now()
	must(t, f.PowerOff(victim))
	time.Sleep(2 * takeoverLimit)

	line, err := prober.Stop(f.ctx)
	must(t, err)
	checkTakeover(t, line, cut, victim)
	visits, err := connector.Stop()
	must(t, err)
	checkVisits(t, visits, watch)
	report, err := kept.Finish(f.ctx)
	must(t, err)
	others := 0
	for _, b := range report.Broken {
		if server[b.Client] != victim.MAC {
			t.Errorf("a connection of another node broke: %+v", b)
		}
	}
	for _, mac := range server {
		if mac != victim.MAC {
			others++
		}
	}
	t.Logf("%d connections kept, %d broken, %d echoes, the worst %v", report.Connections, len(report.Broken), report.Echoes, report.Worst)
	if len(report.Broken) != report.Connections-others {
		t.Errorf("%d connections broke, %d were the victim's", len(report.Broken), report.Connections-others)
	}
	must(t, watch.Check())
	for _, d := range watch.DoubleAnswers() {
		t.Errorf("answered by %v: %+v", d.By, d.SYN)
	}
}

// servers are the Ethernet addresses of the nodes that accepted each connection.
func servers(watch *lab.Handshakes) map[netip.AddrPort][6]byte {
	all := make(map[netip.AddrPort][6]byte)
	for _, h := range watch.All() {
		if len(h.By) > 0 {
			all[h.Client] = h.By[0]
		}
	}
	return all
}

// checkTakeover holds a timeline of the victim's clients against the limit.
func checkTakeover(t *testing.T, line traffic.Timeline, cut time.Time, victim *lab.Node) {
	t.Helper()
	took, ok := line.Takeover(cut, victim.MAC)
	t.Logf("%d probes, blind for %v; gaps %v; taken over after %v", len(line), line.Blind(), line.Gaps(), took)
	if !ok || took > takeoverLimit {
		t.Errorf("taken over after %v, %t, want %v at most", took, ok, takeoverLimit)
	}
	gaps := line.Gaps()
	if len(gaps) == 0 {
		t.Error("nothing shows that the victim has gone")
		return
	}
	if before := gaps[0].From.Sub(cut); before < -20*time.Millisecond {
		t.Errorf("SYNs were lost %v before the power was cut", -before)
	}
	if last := gaps[len(gaps)-1]; last.To.IsZero() || last.To.Sub(cut) > takeoverLimit {
		t.Errorf("SYNs are lost at the end, or %v after the power was cut", last.To.Sub(cut))
	}
}

// checkVisits: who came during the gap was served in the end, by a SYN sent again.
func checkVisits(t *testing.T, visits []traffic.Connection, watch *lab.Handshakes) {
	t.Helper()
	failed, worst := 0, time.Duration(0)
	for _, v := range visits {
		if v.Trouble != traffic.None {
			failed++
		}
		worst = max(worst, v.Opened)
	}
	again := traffic.Retransmissions(visits, watch)
	t.Logf("%d new connections, %d failed, %d SYNs sent again, the slowest opened in %v", len(visits), failed, again, worst)
	// One that was just echoing on the victim when it died may fail.
	if failed > 3 {
		t.Errorf("%d connections failed", failed)
	}
	if again == 0 || worst < time.Second {
		t.Error("no SYN was sent again: the crash was not seen")
	}
}
