package farm_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestRestartOverMessages restarts a daemon whose heartbeats go by gossip alone, which
// it can't join again for a while: it lets nothing in beside the others, who serve
// its clients meanwhile.
func TestRestartOverMessages(t *testing.T) {
	if !*long {
		return // the simulation has it
	}
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session"})
	f.StartEcho(f.Nodes...)
	f.StartAll()
	f.Settle(f.Nodes...)
	all := farmtest.Hosts(f.Nodes...)
	_, err := f.Cut(f.Ctx, lab.Between(all, all, lab.Heartbeats)...)
	must(t, err)
	f.Pass(time.Second)
	f.Converge(f.Nodes...)
	good := 0
	for rounds := 0; good < 2 && rounds < 12; rounds++ {
		if f.restartApart(f.Nodes[1]) {
			good++
		}
	}
	if good == 0 {
		t.Error("the machine is too busy: each time the daemon was cut off too late")
	}
}

// restartApart restarts a daemon that is cut off from gossip as soon as its new program
// runs. It says whether that was before it could join.
func (f *testFarm) restartApart(n *lab.Node) bool {
	f.T.Helper()
	l := f.StartLoad(farmtest.LoadOptions{Victim: n})
	image := f.image(n)
	restarted := make(chan error, 1)
	go func() {
		_, err := n.CLI(f.Ctx, binary, "restart")
		restarted <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); f.image(n) == image; time.Sleep(time.Millisecond) { // it is not to join
		if time.Now().After(deadline) {
			f.T.Fatal("the new program does not run")
		}
	}
	began := time.Now()
	gossip, err := f.Cut(f.Ctx, lab.Between(farmtest.Hosts(n), farmtest.Hosts(f.Others(n)...), lab.Gossip)...)
	f.Must(err)
	took := time.Since(began)
	f.Must(<-restarted)
	f.Pass(2 * time.Second)
	f.Must(gossip.Heal())
	f.Converge(f.Nodes...)
	l.Stop()
	l.CheckKept()
	f.T.Logf("cut off within %v", took)
	if took > joinsAfter {
		return false
	}
	l.CheckOneAnswer()
	return true
}

// joinsAfter is how long a new program takes at least until gossip's sockets are open.
const joinsAfter = 60 * time.Millisecond

// image tells one program of a process from the next: where it has what the kernel
// tells it (execve(2) begins with other random addresses).
func (f *testFarm) image(n *lab.Node) string {
	f.T.Helper()
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", f.Daemons[n.Name].Pid))
		if errors.Is(err, unix.ESRCH) && f.Running(n) {
			continue // between two programs
		}
		f.Must(err)
		return string(b)
	}
}
