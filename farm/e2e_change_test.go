package farm_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// threeServing is a farm of three with a web server on each, so that a SYN is
// answered wherever it is accepted.
func threeServing(t *testing.T) *testFarm {
	f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 8}, lab.FarmOptions{TCPPorts: []int{80}, Affinity: "session"})
	for _, n := range f.Nodes {
		_, err := n.StartHTTP(":80", nil)
		must(t, err)
	}
	return f
}

// flood sends SYNs at a rate from a goroutine, until stop is called or all are sent; stop
// returns how many were.
func (f *testFarm) flood(from []netip.AddrPort, rate int) (stop func() int) {
	type result struct {
		sent int
		err  error
	}
	ctx, cancel := context.WithCancel(f.Ctx)
	done := make(chan result, 1)
	go func() {
		sent, err := f.Client.SendSYNs(ctx, f.synsTo80(from, rate))
		done <- result{sent, err}
	}()
	return func() int {
		cancel()
		r := <-done
		if !errors.Is(r.err, context.Canceled) {
			must(f.T, r.err)
		}
		return r.sent
	}
}

// TestJoinUnderLoad starts the third node while 5,000 SYNs a second come in.
func TestJoinUnderLoad(t *testing.T) {
	f := threeServing(t)
	f.Start(f.Nodes[:2]...)
	f.Converge(f.Nodes[:2]...)
	c := f.Capture()
	defer c.Close()
	stop := f.flood(lab.SYNSources(55_000), 5000)
	f.Start(f.Nodes[2])
	f.Converge(f.Nodes...)
	stop()
	must(t, c.Settle(f.Ctx, time.Second))
	must(t, c.Check())
	for _, d := range c.Duplicates() {
		t.Errorf("answered by %v: %v", d.Sources, d.Flow)
	}
	c.Reset()
	const after = 5000
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(60_000)[55_000:], 5000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
	if sent != after {
		t.Errorf("sent %d of %d SYNs", sent, after)
	}
}

// TestStopAndStart takes a node out and back by command.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	f := threeServing(t)
	f.StartAll()
	f.Thresher(f.Nodes[1], "stop")
	s, err := f.Status(f.Nodes[1])
	must(t, err)
	if s.State != console.Stopped || s.Reason == "" {
		t.Errorf("after stop: state %q, reason %q", s.State, s.Reason)
	}
	f.Converge(f.Nodes[0], f.Nodes[2])
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(2000), 2000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
	for flow, sources := range c.Answers(lab.SYNACK) {
		if sources[f.Nodes[1].MAC] > 0 {
			t.Fatalf("the stopped node answered %v", flow)
		}
	}
	f.Thresher(f.Nodes[1], "start")
	f.Converge(f.Nodes...)
}

// TestKilledNodeIsReplaced kills a daemon without warning: the others answer its
// clients within 2 s.
func TestKilledNodeIsReplaced(t *testing.T) {
	f := threeServing(t)
	f.StartAll()
	late := farmtest.WatchLateness(t)
	killed := time.Now()
	must(t, f.Daemons["node3"].Kill())
	f.within(2*time.Second, late, "two nodes share the farm", func() bool {
		for _, n := range f.Nodes[:2] {
			if s, err := f.Status(n); err != nil || farmtest.Sharing(s) != 2 {
				return false
			}
		}
		return true
	})
	t.Logf("noticed after %v", time.Since(killed).Round(time.Millisecond))
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(5000), 5000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
	s, err := f.Status(f.Nodes[0])
	must(t, err)
	for _, n := range s.Nodes {
		if n.Name == "node3" && n.State != console.Unreachable {
			t.Errorf("node3 is shown as %s", n.State)
		}
	}
}

// TestResponderIsReplaced kills the node that answers ARP: a client that asks
// anew is answered within 2 s.
func TestResponderIsReplaced(t *testing.T) {
	t.Parallel()
	f := threeServing(t)
	f.StartAll()
	s, err := f.Status(f.Nodes[0])
	must(t, err)
	responder := s.VIPs[0].Responder
	late := farmtest.WatchLateness(t)
	must(t, f.Daemons[responder].Kill())
	killed := time.Now()
	must(t, f.Client.FlushNeighbours())
	out, err := f.Client.Run(f.Ctx, "arping", "-C", "1", "-c", "400", "-W", "0.05", "-i", lab.Interface, lab.VIP().String())
	answered := time.Now()
	latest := late.PutOff(killed, killed.Add(2*time.Second))
	if err != nil || answered.After(latest) {
		t.Errorf("want an answer within 2 s, and %v for the machine: %v\n%s", latest.Sub(killed)-2*time.Second, err, out)
	}
	t.Logf("%s was the responder; the next one answered after %v", responder, answered.Sub(killed).Round(time.Millisecond))
}

// TestLinkFlap takes the port of a node down on the switch's side, and up again:
// the others serve alone meanwhile, and the node comes back by itself, though its daemon
// was restarted, the last time started anew, while the port was down.
func TestLinkFlap(t *testing.T) {
	t.Parallel()
	f := threeServing(t)
	f.Options.Offload = "none"
	f.StartAll()
	for range short(1, 3) {
		must(t, f.PortUp(f.Nodes[2].Host, false))
		f.Eventually(10*time.Second, "two nodes share the farm", func() bool {
			s, err := f.Status(f.Nodes[0])
			return err == nil && farmtest.Sharing(s) == 2
		})
		f.Thresher(f.Nodes[2], "restart")
		must(t, f.PortUp(f.Nodes[2].Host, true))
		f.Converge(f.Nodes...)
	}
	must(t, f.PortUp(f.Nodes[2].Host, false))
	f.Kill(f.Nodes[2])
	f.Start(f.Nodes[2])
	f.Eventually(10*time.Second, "the node waits for a carrier", func() bool {
		s, err := f.Status(f.Nodes[2])
		return err == nil && s.State == console.Waiting && strings.Contains(s.Reason, "no carrier")
	})
	must(t, f.PortUp(f.Nodes[2].Host, true))
	f.Converge(f.Nodes...)
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(3000), 3000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
	if out := f.Thresher(f.Nodes[2], "events"); !strings.Contains(out, "has no carrier") || !strings.Contains(out, "has a carrier") {
		t.Errorf("the events do not tell of the carrier:\n%s", out)
	}
}

// TestMoreQueues gives the interface of a node another receive queue while it
// serves.
func TestMoreQueues(t *testing.T) {
	lookFor(t, "ethtool")
	f := newFarm(t, lab.Config{Nodes: 1, Queues: 4}, lab.FarmOptions{Offload: "none"})
	n := f.Nodes[0]
	_, err := n.StartHTTP(":80", nil)
	must(t, err)
	channels := func(count string) {
		if out, err := n.Run(f.Ctx, "ethtool", "-L", lab.Interface, "rx", count); err != nil {
			t.Fatalf("ethtool: %v\n%s", err, out)
		}
	}
	channels("1")
	f.StartAll()
	channels("4")
	f.Eventually(time.Second, "four queues are read", func() bool {
		s, err := f.Status(n)
		return err == nil && s.Datapath.Queues == 4
	})
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, f.synsTo80(lab.SYNSources(1000), 2000))
	must(t, err)
	must(t, c.Settle(f.Ctx, time.Second))
	farmtest.OnePerSYN(t, c, sent)
}

// TestPeerWithAnotherKey: a machine with another key changes nothing, and is
// counted.
func TestPeerWithAnotherKey(t *testing.T) {
	t.Parallel()
	f := threeServing(t)
	f.Start(f.Nodes[:2]...)
	f.Converge(f.Nodes[:2]...)
	stranger := f.NewKey("another-key")
	f.Options.KeyFile = stranger
	f.Start(f.Nodes[2])
	f.Eventually(10*time.Second, "refused messages are counted", func() bool {
		s, err := f.Status(f.Nodes[0])
		return err == nil && s.Cluster != nil && s.Cluster.RefusedMessages > 0
	})
	for _, n := range f.Nodes[:2] {
		s, err := f.Status(n)
		must(t, err)
		if farmtest.Sharing(s) != 2 || s.State != console.Up {
			t.Errorf("%s: %d nodes share, state %s", n.Name, farmtest.Sharing(s), s.State)
		}
	}
}

func sha256File(t *testing.T, path string) [32]byte {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	must(t, errors.Join(err))
	return [32]byte(h.Sum(nil))
}
