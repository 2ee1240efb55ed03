package lab

import (
	"os"
	"strings"
	"testing"

	"thresher/internal/leftout"
)

// TestSystemd: a host's manager runs its unit within the host, kills all of it, and
// leaves nothing.
func TestSystemd(t *testing.T) {
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		leftout.Skip(t, "systemd is not installed")
	}
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	s, err := n.StartSystemd(t.Context(), map[string]string{
		"two.service": "[Service]\nExecStart=/bin/sh -c 'sleep 1000 & exec sleep 1000'\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Ctl(t.Context(), "start", "two.service"); err != nil {
		t.Fatal(err, out)
	}
	says := func(active, result string) {
		t.Helper()
		eventually(t, "the service is "+active+" by "+result, func() bool {
			out, err := s.Ctl(t.Context(), "show", "--property=ActiveState,Result", "two.service")
			return err == nil && strings.Contains(out, "ActiveState="+active+"\n") && strings.Contains(out, "Result="+result+"\n")
		})
	}
	says("active", "success")
	eventually(t, "the manager and two processes run in the host", func() bool {
		pids, err := processesIn(n.inode)
		return err == nil && len(pids) == 3
	})
	if _, err := s.Ctl(t.Context(), "kill", "--signal=SIGKILL", "two.service"); err != nil {
		t.Fatal(err)
	}
	says("failed", "signal")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
