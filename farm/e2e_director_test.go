package farm_test

import (
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// directedLoad is a farm in mode directed with clients.
func directedLoad(t *testing.T, offload string) (*testFarm, *farmtest.Load) {
	f := directedFarm(t, lab.Config{}, lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session", Offload: offload})
	f.StartEcho(f.Nodes...)
	f.StartAll()
	f.Settle(f.Nodes...)
	o := farmtest.LoadOptions{Busy: 60, Idle: 240, Rate: 50}
	if *long {
		o.Idle = 940
	}
	return f, f.StartLoad(o)
}

// TestDirectorLeavesAndJoins: the director is drained, comes back, and is restarted in
// place, and so is another node, under load: nobody's connection breaks.
func TestDirectorLeavesAndJoins(t *testing.T) {
	for _, offload := range []string{"full", "none"} {
		if offload != "full" && !*long {
			break
		}
		t.Run("offload "+offload, func(t *testing.T) {
			f, l := directedLoad(t, offload)
			learnt, err := f.RecordFDB()
			must(t, err)
			director := f.Director(lab.VIP())
			for _, n := range []*lab.Node{director, f.Others(director)[0]} {
				for _, command := range []string{"drain", "start", "restart"} {
					f.Thresher(n, command)
					if command != "drain" {
						f.Converge(f.Nodes...)
					}
					time.Sleep(time.Second)
				}
			}
			l.Stop()
			l.CheckOneAnswer()
			l.CheckKept()
			l.CheckVisits(0)
			again := traffic.Retransmissions(l.Visits, l.Watch)
			t.Logf("%d connections kept, %d new ones, %v SYNs sent again", l.Report.Connections, len(l.Visits), again)
			if again > len(l.Visits)/50 {
				t.Errorf("%v of %d SYNs were sent again", again, len(l.Visits))
			}
			if ports, err := learnt.Ports(f.Client.MAC); err != nil || len(ports) > 1 {
				t.Errorf("the switch learnt the client on ports %v (%v)", ports, err)
			}
		})
	}
}

// TestDirectorThatCannotSendBack: the other ends of the nodes' cables take no frames from
// XDP_TX, as those of plain veth pairs. The director notices, says so, and every
// client is served all the same.
func TestDirectorThatCannotSendBack(t *testing.T) {
	if !*long {
		return // TestHandOnFails has when it is noticed
	}
	f := newFarm(t, lab.Config{Nodes: 3, Clients: 1, ClientAddresses: 64}, lab.FarmOptions{Mode: "directed", TCPPorts: []int{80}, Affinity: "session"})
	f.startServers()
	f.StartAll()
	f.Settle(f.Nodes...)
	director := f.Director(lab.VIP())
	f.Eventually(10*time.Second, "the director notices that what it hands on is lost", func() bool {
		_, err := f.Client.SendSYNs(f.Ctx, f.syns(50, 3000))
		must(t, err)
		s, err := f.Status(director)
		return err == nil && strings.Contains(s.Datapath.XDPNote, "XDP_TX")
	})
	f.synsOnce(t, 2000, 400*time.Millisecond)
	for range 3 {
		f.transfersWhole(t)
	}
}

// TestDirectorDies: the power of the director is cut. The others' connections go on,
// and new ones are made as soon as after any node's end.
func TestDirectorDies(t *testing.T) {
	f, l := directedLoad(t, "full")
	time.Sleep(time.Second)
	director := f.Director(lab.VIP())
	died := time.Now()
	must(t, f.PowerOff(director))
	time.Sleep(4 * time.Second)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept(director)
	var slowest time.Duration
	failed, soon := 0, 0
	for _, v := range l.Visits {
		switch since := v.Started.Sub(died); {
		case v.Trouble != traffic.None:
			failed++
		case since > 2500*time.Millisecond:
			soon = max(soon, int(v.Opened/time.Millisecond))
		default:
			slowest = max(slowest, v.Opened)
		}
	}
	t.Logf("the director died: the slowest new connection took %v, and %d ms after 2.5 s; %d failed; the longest wait for an echo was %v",
		slowest.Round(time.Millisecond), soon, failed, l.Report.Worst.Round(time.Millisecond))
	// Those that were just echoing on the director when it died.
	if failed > 5 {
		t.Errorf("%d new connections failed", failed)
	}
	// A SYN that was lost in the first 0.7 s is sent again after 1 s, and after 3 s.
	if slowest > 3500*time.Millisecond || soon > 1000 {
		t.Errorf("new connections took up to %v, and %d ms when the next director had the VIP", slowest, soon)
	}
	if next := f.directorBut(director); next == nil || next == director {
		t.Error("nobody has become the director")
	}
}

// directorBut is the director as the nodes say that are left.
func (f *testFarm) directorBut(gone *lab.Node) *lab.Node {
	for _, n := range f.Others(gone) {
		s, err := f.Status(n)
		must(f.T, err)
		for _, other := range f.Others(gone) {
			if s.VIPs[0].Responder == other.Name {
				return other
			}
		}
	}
	return nil
}
