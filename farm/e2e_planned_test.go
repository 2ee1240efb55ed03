package farm_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/report"
)

// wallClock is how a moment is written.
const wallClock = "15:04:05.000"

// stalled is how long an echo takes at most on a machine that runs everybody: the
// worst of a quiet one is some 50 ms. A node that does not run for 100 ms knows no
// more who holds what, and drops what it has parked.
const stalled = 100 * time.Millisecond

// slower is by how much a planned change may delay new connections among 10,000: five
// times what is wanted, since one machine runs clients, servers and nodes.
const slower = 250 * time.Millisecond

// TestPlannedChanges takes a node out and back in every way that an operator has,
// under load: nobody's connection breaks, and nobody waits for a new one.
func TestPlannedChanges(t *testing.T) {
	for i, c := range []struct {
		offload, xdp string
		vip          netip.Addr
	}{
		{"full", "", lab.VIP()}, {"none", "", lab.VIP6()},
		{"none", "", lab.VIP()}, {"full", "", lab.VIP6()}, {"reject", "", lab.VIP()},
		{"full", "generic", lab.VIP()}, {"none", "generic", lab.VIP()},
	} {
		if i > 1 && !*long {
			break
		}
		t.Run(fmt.Sprintf("%s%s, %v", c.offload, c.xdp, c.vip), func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3, IPv6: c.vip.Is6()}, lab.FarmOptions{
				VIPs: []netip.Addr{c.vip}, TCPPorts: []int{farmtest.EchoPort}, Affinity: "session", Offload: c.offload, XDP: c.xdp,
			})
			f.StartEcho(f.Nodes...)
			f.StartAll()
			f.Settle(f.Nodes...)
			// So many that some SYNs come while a change is under way.
			l := f.StartLoad(farmtest.LoadOptions{VIP: c.vip, Victim: f.Nodes[1], Rate: 500})
			f.change(f.Nodes[1], "drain", "start", "weight web 20", "stop", "start", "weight web 0", "weight web --reset")
			l.Stop()
			l.CheckOneAnswer()
			l.CheckKept()
			l.CheckVisits(0)
			checkSentOnce(t, l)
		})
	}
}

// change gives a node these commands, with quiet times between them. It returns when
// each was given.
func (f *testFarm) change(n *lab.Node, commands ...string) (at []time.Time) {
	for _, command := range commands {
		at = append(at, time.Now())
		f.T.Logf("%s at %s", command, time.Now().Format(wallClock))
		f.Thresher(n, strings.Fields(command)...)
		if command == "start" {
			f.Converge(f.Nodes...)
		}
		time.Sleep(short(time.Second, 1500*time.Millisecond))
	}
	return at
}

// TestTenThousandConnections is TestPlannedChanges with restarts among the changes,
// 10,000 connections kept, and a look at how long new ones take: in the second after
// a change hardly longer than before the first.
func TestTenThousandConnections(t *testing.T) {
	if !*long {
		return // TestPlannedChanges has 300
	}
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session"})
	f.StartEcho(f.Nodes...)
	f.StartAll()
	f.Settle(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{
		Victim: f.Nodes[1], Busy: 2000, Idle: 8000,
		Pause: 500 * time.Millisecond, // 20,000 echoes a second would take both cores of a small machine
	})
	time.Sleep(5 * time.Second)
	commands := []string{"drain", "start", "weight web 20", "restart", "stop", "start", "weight web 0", "weight web --reset", "restart"}
	changes := f.change(f.Nodes[1], commands...)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept()
	l.CheckVisits(0)
	checkSentOnce(t, l)
	if l.Report.Connections != 10_000 {
		t.Errorf("%d connections kept, want 10,000", l.Report.Connections)
	}
	quiet, changing := openingTimes(l, changes)
	t.Logf("opened within %v (p99) of %d in quiet times, %v of %d in the second after a change", quiet.p99, quiet.n, changing.p99, changing.n)
	for i, at := range changes {
		_, one := openingTimes(l, []time.Time{at})
		t.Logf("%v (p99) of %d after %s", one.p99, one.n, commands[i])
	}
	if changing.p99 > quiet.p99+slower {
		t.Errorf("opening takes %v (p99) in a change, %v in quiet times", changing.p99, quiet.p99)
	}
}

// opened is how long it took to open n connections.
type opened struct {
	n   int
	p99 time.Duration
}

// openingTimes tells connections that were begun before the first of the changes from
// those of the second after each.
func openingTimes(l *farmtest.Load, changes []time.Time) (quiet, changing opened) {
	var before, after []float64
	for _, v := range l.Visits {
		if v.Started.Before(changes[0]) {
			before = append(before, float64(v.Opened))
		}
		if slices.ContainsFunc(changes, func(at time.Time) bool { return v.Started.After(at) && v.Started.Before(at.Add(time.Second)) }) {
			after = append(after, float64(v.Opened))
		}
	}
	of := func(times []float64) opened {
		slices.Sort(times)
		return opened{len(times), time.Duration(report.Percentile(times, 0.99))}
	}
	return of(before), of(after)
}

// TestReleaseMeetsAStoppedNode drains a node while one of those that get its buckets
// does not run, and so cannot park what comes: it is kept until that one can.
func TestReleaseMeetsAStoppedNode(t *testing.T) {
	if !*long {
		return // TestPlannedChanges has planned changes without it
	}
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session"})
	f.StartEcho(f.Nodes...)
	f.StartAll()
	f.Settle(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{Victim: f.Nodes[1], Rate: 500})
	stopped := f.Daemons[f.Nodes[0].Name]
	var excused []time.Time
	for good, rounds := 0, 0; good < 2 && rounds < 5; rounds++ {
		start := time.Now()
		f.Must(stopped.Pause())
		f.Thresher(f.Nodes[1], "drain")
		time.Sleep(50 * time.Millisecond)
		f.Must(stopped.Resume())
		if took := time.Since(start); took < 200*time.Millisecond {
			good++
		} else { // longer than anything is kept for it
			t.Logf("a busy machine: a node was stopped for %v", took)
			excused = append(excused, start)
		}
		time.Sleep(1500 * time.Millisecond)
		f.Thresher(f.Nodes[1], "start")
		f.Converge(f.Nodes...)
		time.Sleep(1500 * time.Millisecond)
	}
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept()
	l.CheckVisits(0)
	checkSentOnce(t, l, excused...)
}

// checkSentOnce holds that no client had to send its SYN again, but in the second
// after an excused time.
func checkSentOnce(t *testing.T, l *farmtest.Load, excused ...time.Time) {
	t.Helper()
	all := slices.DeleteFunc(l.Watch.Retransmitted(), func(h lab.Handshake) bool {
		return slices.ContainsFunc(excused, func(at time.Time) bool { return h.Sent.After(at) && h.Sent.Before(at.Add(time.Second)) })
	})
	again := len(all)
	for _, h := range all[:min(again, 5)] {
		t.Logf("sent again: %v, first at %s, answered at %s by %v", h.SYN, h.Sent.Format(wallClock), h.Answered.Format(wallClock), h.By)
	}
	t.Logf("%d echoes, the worst %v; %d new connections, %v sent their SYN again; unanswered probes %d",
		l.Report.Echoes, l.Report.Worst, len(l.Visits), again, l.Line.Lost())
	// While the machine does not run a node at all, its packets wait longer than
	// clients do.
	if again > 0 && l.Report.Worst < stalled || again > len(l.Visits)/2 {
		t.Errorf("%v of %d SYNs were sent again", again, len(l.Visits))
	}
}
