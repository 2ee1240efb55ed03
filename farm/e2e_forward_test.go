package farm_test

import (
	"strings"
	"testing"

	"thresher/perf/lab"
)

// TestForwardingNodeTracksStrictly runs a daemon with rules that forward: it keeps
// conntrack strict while it runs, and `check` says so before.
func TestForwardingNodeTracksStrictly(t *testing.T) {
	f := newFarm(t, lab.Config{Nodes: 1}, lab.FarmOptions{UDPPorts: []int{53}, Forward: true})
	n := f.Nodes[0]
	loose := func() string {
		out, err := n.Run(f.Ctx, "sysctl", "-n", "net.netfilter.nf_conntrack_tcp_loose")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if loose() != "1" {
		t.Fatalf("a new namespace has nf_conntrack_tcp_loose %s", loose())
	}
	f.StartAll()
	if got := loose(); got != "0" {
		t.Errorf("while the daemon runs: %s", got)
	}
	if err := f.Daemons[n.Name].Stop(f.Ctx); err != nil {
		t.Fatal(err)
	}
	if got := loose(); got != "1" {
		t.Errorf("after its end: %s", got)
	}
	out, err := n.Run(f.Ctx, binary, "check", "--config", n.ConfigFile())
	if err != nil || !strings.Contains(string(out), "nf_conntrack_tcp_loose is 1; the daemon sets it to 0") ||
		!strings.Contains(string(out), "the kernel tells of conntrack's entries") {
		t.Errorf("check: %v\n%s", err, out)
	}
}
