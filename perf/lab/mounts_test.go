package lab

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is made below /sys/fs/bpf belongs to one host, outlives the process that
// made it, and is not seen by the machine.
func TestEachHostHasABPFFileSystem(t *testing.T) {
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, Config{Nodes: 2})
	ctx := within(t, 5*time.Second)
	for _, n := range l.Nodes {
		if out, err := n.Run(ctx, "stat", "-f", "-c", "%T", bpfFS); err != nil || strings.TrimSpace(string(out)) != "bpf_fs" {
			t.Errorf("%s has %q at %s: %v", n.Name, out, bpfFS, err)
		}
		if _, err := n.Run(ctx, "mkdir", bpfFS+"/of-"+n.Name); err != nil {
			t.Error(err)
		}
	}
	for _, n := range l.Nodes {
		out, err := n.Run(ctx, "ls", bpfFS)
		if err != nil || strings.Count(string(out), "of-") != 1 || !strings.Contains(string(out), "of-"+n.Name) {
			t.Errorf("%s sees %q: %v", n.Name, out, err)
		}
	}
	if seen, err := os.ReadDir(bpfFS); err == nil {
		for _, entry := range seen {
			if strings.HasPrefix(entry.Name(), "of-") {
				t.Errorf("the machine sees %s", entry.Name())
			}
		}
	}
	after, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the machine's mounts (-before +after):\n%s", diff)
	}
}
