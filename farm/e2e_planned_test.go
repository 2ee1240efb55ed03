package farm_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// TestPlannedChanges takes a node out and back in every way that an operator has,
// under load: nobody's connection breaks, and nobody waits for a new one.
func TestPlannedChanges(t *testing.T) {
	for i, c := range []struct {
		offload string
		vip     netip.Addr
	}{
		{"full", lab.VIP()}, {"none", lab.VIP6()}, {"none", lab.VIP()}, {"full", lab.VIP6()},
	} {
		if i > 1 && !*long {
			break
		}
		t.Run(fmt.Sprintf("%s, %v", c.offload, c.vip), func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3, IPv6: c.vip.Is6()}, lab.FarmOptions{
				VIPs: []netip.Addr{c.vip}, TCPPorts: []int{farmtest.EchoPort}, Affinity: "session", Offload: c.offload,
			})
			f.StartEcho(f.Nodes...)
			f.StartAll()
			f.Settle(f.Nodes...)
			l := f.StartLoad(farmtest.LoadOptions{VIP: c.vip, Victim: f.Nodes[1]})
			for _, command := range []string{"drain", "start", "weight web 20", "stop", "start", "weight web 0", "weight web --reset"} {
				f.Thresher(f.Nodes[1], strings.Fields(command)...)
				if command == "start" {
					f.Converge(f.Nodes...)
				}
				time.Sleep(1500 * time.Millisecond)
			}
			l.Stop()
			l.CheckOneAnswer()
			l.CheckKept()
			l.CheckVisits(0)
			again := traffic.Retransmissions(l.Visits, l.Watch)
			t.Logf("%d echoes, the worst %v; %d new connections, %v sent their SYN again; unanswered probes %d",
				l.Report.Echoes, l.Report.Worst, len(l.Visits), again, l.Line.Lost())
			// A busy machine may not run a node for some milliseconds, at the wrong
			// moment.
			if again > len(l.Visits)/200 {
				t.Errorf("%v of %d SYNs were sent again", again, len(l.Visits))
			}
		})
	}
}
