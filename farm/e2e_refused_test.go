package farm_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// TestLargeMTU: packets too large for native XDP. The check says what is done
// instead, and the daemon does it and says so.
func TestLargeMTU(t *testing.T) {
	t.Parallel()
	f := newFarm(t, lab.Config{Nodes: 1, MTU: 9000, ClientAddresses: 4}, lab.FarmOptions{})
	n := f.Nodes[0]
	_, err := n.StartHTTP(":80", nil)
	must(t, err)
	f.StartAll()
	const says = "MTU 9000 of eth0 is more than native XDP takes (about 3506); generic mode is used where the driver refuses, which is slower"
	checked, err := n.Run(f.Ctx, binary, "check", "--config", n.ConfigFile())
	if line := "warn: " + says + "; for native mode: ip link set eth0 mtu 3506\n"; err != nil || !strings.Contains(string(checked), line) {
		t.Errorf("thresher check: %v\n%s", err, checked)
	}
	log := f.Daemons[n.Name].Tail(10_000)
	for _, want := range []string{says, "the generic mode is used"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	s, err := f.Status(n)
	must(t, err)
	if s.Datapath.XDP != "generic" {
		t.Errorf("the status says XDP %s", s.Datapath.XDP)
	}
	if text := f.Thresher(n, "status"); !strings.Contains(text, "XDP generic") {
		t.Errorf("thresher status:\n%s", text)
	}
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(500), 2000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
}

// TestLargeMTUAndNative: where the fallback is ruled out, the daemon says so and
// changes nothing.
func TestLargeMTUAndNative(t *testing.T) {
	f := newFarm(t, lab.Config{Nodes: 1, MTU: 9000}, lab.FarmOptions{XDP: "native"})
	n := f.Nodes[0]
	before := f.state(n)
	f.Start(n)
	f.endsWith(n, 1, "thresher: MTU 9000 of eth0 is more than native XDP takes (about 3506), and datapath.xdp is native; "+
		"ip link set eth0 mtu 3506, or set datapath.xdp to auto")
	if after := f.state(n); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

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
