package farm_test

import (
	"fmt"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// clock is how a moment is written.
const clock = "15:04:05.000"

// TestPlannedChanges takes a node out and back in every way that an operator has,
// under load: nobody's connection breaks, and nobody waits for a new one.
func TestPlannedChanges(t *testing.T) {
	for _, offload := range []string{"full", "none"} {
		t.Run(offload, func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session", Offload: offload})
			f.StartEcho(f.Nodes...)
			f.StartAll()
			f.Settle(f.Nodes...)
			l := f.StartLoad(farmtest.LoadOptions{Victim: f.Nodes[1], Rate: 500})
			var changes []string
			for _, command := range []string{"drain", "start", "stop", "start"} {
				changes = append(changes, fmt.Sprintf("%s at %s", command, time.Now().Format(clock)))
				f.Thresher(f.Nodes[1], command)
				changes[len(changes)-1] += " until " + time.Now().Format(clock)
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
			for _, h := range l.Watch.Retransmitted() {
				t.Logf("sent again: %v, first at %s, answered at %s by %v; changes: %v", h.SYN, h.Sent.Format(clock), h.Answered.Format(clock), h.By, changes)
			}
			// A busy machine may not run a node for some milliseconds, at the wrong
			// moment.
			if again > 0 {
				t.Errorf("%v of %d SYNs were sent again", again, len(l.Visits))
			}
		})
	}
}
