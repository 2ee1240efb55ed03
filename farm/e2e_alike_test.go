package farm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/perf/lab"
)

// A node that alone has other rules waits, and gets the farm's by the cure that
// docs/troubleshooting.md has for that: the text of a node that is right, for all.
func TestAlikeAgain(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{})
	right, other := f.Nodes[0], f.Nodes[1]
	f.StartAll()
	f.edit(other, "ports: [80]", "ports: [80, 8080]")
	f.Thresher(other, "restart")
	f.Eventually(10*time.Second, "the other one waits", func() bool {
		s, err := f.Status(other)
		return err == nil && s.State == console.Waiting
	})
	f.Eventually(10*time.Second, "it is seen to differ", func() bool {
		s, err := f.Status(right)
		return err == nil && len(s.Differing()) == 1
	})
	text := filepath.Join(t.TempDir(), "f")
	f.Must(os.WriteFile(text, []byte(f.Thresher(right, "config", "get")), 0o600))
	out := f.Thresher(right, "config", "apply", text, "--all")
	if !strings.Contains(out, right.Name+": nothing has changed") || strings.Contains(out, other.Name+": nothing") || !strings.Contains(out, "kept") {
		t.Errorf("config apply --all:\n%s", out)
	}
	if s, err := f.Status(right); err != nil || len(s.Differing()) != 0 {
		t.Errorf("afterwards %v differ, %v", s.Differing(), err)
	}
	f.Settle(f.Nodes...)
}
