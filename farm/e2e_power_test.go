package farm_test

import (
	"net/netip"
	"testing"
	"time"

	"thresher/config"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// takeoverLimit is how long the clients of a node that lost its power may be
// without service (FAULTS R1).
const takeoverLimit = 1500 * time.Millisecond

// TestPowerLoss cuts a node's power under load: its clients are answered by the
// others soon after, and nobody else's connection notices. With its power back it
// serves again.
func TestPowerLoss(t *testing.T) {
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{7}, Affinity: "session"})
	for _, n := range f.Nodes {
		_, err := n.StartEchoProcess(":7")
		must(t, err)
	}
	f.startAll()
	victim := f.Nodes[2]
	l := f.startLoad(victim)
	time.Sleep(500 * time.Millisecond)
	cut := time.Now()
	must(t, f.PowerOff(victim))
	time.Sleep(2 * takeoverLimit)
	l.stop()
	checkTakeover(t, l.line, cut, victim)
	checkVisits(t, l.visits, l.watch)
	l.checkKept(t)

	must(t, f.PowerOn(f.ctx, victim))
	_, err := victim.StartEchoProcess(":7")
	must(t, err)
	f.start(victim)
	f.converge(f.Nodes...)
	l.clientsOfVictim()
	must(t, l.watch.Check())
	for _, d := range l.watch.DoubleAnswers() {
		t.Errorf("answered by %v: %+v", d.By, d.SYN)
	}
}

// load is every kind of client at once: established connections of all nodes, new
// ones, and SYNs of the clients of one node.
type load struct {
	f         *testFarm
	victim    *lab.Node
	watch     *lab.Handshakes
	kept      *traffic.Keeper
	server    map[netip.AddrPort]config.MAC // of each kept connection
	prober    *traffic.Prober
	connector *traffic.Connector
	// What came of them, after stop.
	line   traffic.Timeline
	visits []traffic.Connection
	report traffic.Report
}

func (f *testFarm) startLoad(victim *lab.Node) *load {
	f.t.Helper()
	l := &load{f: f, victim: victim}
	var err error
	l.watch, err = f.client.WatchHandshakes()
	must(f.t, err)
	to := netip.AddrPortFrom(lab.VIP(), 7)
	l.kept, err = traffic.Keep(f.ctx, f.client, traffic.KeepOptions{To: to, Busy: 100, Idle: 200, Patience: 2 * time.Second})
	must(f.t, err)
	f.t.Cleanup(func() { must(f.t, l.kept.Close()) })
	must(f.t, l.watch.Settle(f.ctx, 100*time.Millisecond))
	l.server = servers(l.watch)
	probes := traffic.ProbeOptions{To: to, MAC: vmac, From: l.clientsOfVictim()}
	l.prober = traffic.Probe(f.ctx, f.client, l.watch, probes)
	l.connector = traffic.Connect(f.ctx, f.client, traffic.ConnectOptions{To: to, Rate: 100})
	return l
}

// clientsOfVictim are the clients that the victim serves, which must be a third.
func (l *load) clientsOfVictim() []netip.AddrPort {
	l.f.t.Helper()
	const n = 3000
	probes := traffic.ProbeOptions{To: netip.AddrPortFrom(lab.VIP(), 7), MAC: vmac}
	clients, err := traffic.Clients(l.f.ctx, l.f.client, l.watch, probes, n)
	must(l.f.t, err)
	its := clients[l.victim.MAC]
	if len(its) < n/4 {
		l.f.t.Fatalf("%s serves %d of %d clients", l.victim.Name, len(its), n)
	}
	return its
}

func (l *load) stop() {
	l.f.t.Helper()
	var err error
	l.line, err = l.prober.Stop(l.f.ctx)
	must(l.f.t, err)
	l.visits, err = l.connector.Stop()
	must(l.f.t, err)
	l.report, err = l.kept.Finish(l.f.ctx)
	must(l.f.t, err)
}

// checkKept: the victim's connections broke, and no other.
func (l *load) checkKept(t *testing.T) {
	t.Helper()
	its := 0
	for _, mac := range l.server {
		if mac == l.victim.MAC {
			its++
		}
	}
	for _, b := range l.report.Broken {
		if l.server[b.Client] != l.victim.MAC {
			t.Errorf("a connection of another node broke: %+v", b)
		}
	}
	t.Logf("%d connections kept, %d broken, %d echoes, the worst %v",
		l.report.Connections, len(l.report.Broken), l.report.Echoes, l.report.Worst)
	if len(l.report.Broken) != its {
		t.Errorf("%d connections broke, %d were the victim's", len(l.report.Broken), its)
	}
}

// servers are the Ethernet addresses of the nodes that accepted each connection.
func servers(watch *lab.Handshakes) map[netip.AddrPort]config.MAC {
	all := make(map[netip.AddrPort]config.MAC)
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
