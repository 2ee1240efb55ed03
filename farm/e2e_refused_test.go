package farm_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"thresher/perf/lab"
)

// TestStrangerSaysWhy: what a node says that is refused for its key.
func TestStrangerSaysWhy(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{})
	f.Start(f.Nodes[0])
	f.Converge(f.Nodes[0])
	f.Options.KeyFile = f.NewKey("another-key")
	n := f.Nodes[1]
	before := f.state(n)
	f.Start(n)
	f.endsWith(n, 1, "thresher: join the farm at 198.18.0.11:7946: peer refuses this node (no installed keys could decrypt the message): use the same key file on all nodes; if the farm has changed its key meanwhile, copy it from another node")
	if after := f.state(n); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// endsWith waits for a daemon to end with this code and this last line.
func (f *testFarm) endsWith(n *lab.Node, code int, line string) {
	f.T.Helper()
	p := f.Daemons[n.Name]
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		f.T.Fatal("the daemon goes on")
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code {
		f.T.Errorf("the daemon ended with %v, not %d", err, code)
	}
	log := p.Tail(10_000)
	if last := log[strings.LastIndexByte(log, '\n')+1:]; last != line {
		f.T.Errorf("it said:\n%s\nnot last:\n%s", log, line)
	}
}
