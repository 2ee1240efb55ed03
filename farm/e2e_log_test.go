package farm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"thresher/perf/lab"
)

// A daemon whose log nobody reads, and has no room any more, goes on: it does what it is
// asked for, restarts in place, and ends when it is told to.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	yaml, err := n.NodeConfig(f.Options)
	f.Must(err)
	f.Must(os.WriteFile(n.ConfigFile(), []byte(yaml), 0o600))
	pipe := filepath.Join(t.TempDir(), "log")
	f.Must(syscall.Mkfifo(pipe, 0o600))
	// The shell has both ends of the pipe, so that nobody hangs up, and fills it.
	fill := fmt.Sprintf(`exec 3<>%s; head -c 65536 /dev/zero >&3; exec %s run --config %s 2>&3`, pipe, binary, n.ConfigFile())
	p, err := n.Start("sh", "-c", fill)
	f.Must(err)
	f.Daemons[n.Name] = p
	f.Converge(n)
	for range 10 {
		f.Thresher(n, "suspend")
		f.Thresher(n, "resume")
	}
	f.Thresher(n, "restart")
	f.Converge(n)
	f.Must(syscall.Kill(p.Pid, syscall.SIGTERM))
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the daemon goes on after SIGTERM")
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}
