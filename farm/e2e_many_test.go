package farm_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// manyNodes is the largest farm (DESIGN §1). So many daemons want more than two
// processors, so that fewer are the default.
var manyNodes = flag.Int("farm.many", 8, "nodes of the farm that TestManyNodes builds; 32 is the largest")

// TestManyNodes: everybody has the same view within two seconds of the last
// event, which is a crash here, and heartbeats cost no more for many nodes.
func TestManyNodes(t *testing.T) {
	n := *manyNodes
	f := newFarm(t, lab.Config{Nodes: n}, lab.FarmOptions{TCPPorts: []int{80}})
	f.Start(f.Nodes...)
	// All at once, a start takes a second or two of these processors, and while the others
	// start a node may not be heard in time.
	f.Eventually(time.Duration(max(6, n))*10*time.Second, "all nodes share the farm", func() bool { return f.agreed(n, f.Nodes) })
	f.Eventually(60*time.Second, "all buckets are settled", func() bool {
		s, err := f.Status(f.Nodes[0])
		return err == nil && s.Settled
	})
	before, began := f.cpu(), time.Now()
	time.Sleep(3 * time.Second)
	cost := (f.cpu() - before) / time.Since(began).Seconds() / float64(n) * 100
	must(t, f.Daemons[f.Nodes[n-1].Name].Kill())
	killed := time.Now()
	f.Eventually(10*time.Second, "the others share the farm", func() bool { return f.agreed(n-1, f.Nodes[:n-1]) })
	t.Logf("%d nodes: %.2f %% of a core each; one view %v after a crash", n, cost, time.Since(killed).Round(time.Millisecond))
}

// agreed says whether the nodes have one view of so many nodes.
func (f *testFarm) agreed(n int, nodes []*lab.Node) bool {
	views := make(map[string]bool)
	for _, node := range nodes {
		s, err := f.Status(node)
		if err != nil || farmtest.Sharing(s) != n {
			return false
		}
		views[s.View.String()] = true
	}
	return len(views) == 1
}

// cpu is the processor time of all daemons so far, in seconds.
func (f *testFarm) cpu() (sum float64) {
	for _, p := range f.Daemons {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
		if err != nil {
			continue
		}
		// Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; the name
		// before them may have spaces and ends with a parenthesis.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		var user, system float64
		if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err == nil {
			sum += (user + system) / 100
		}
	}
	return sum
}
