package traffic

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"thresher/perf/lab"
)

func netAddrPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

func TestProbeSeesAGap(t *testing.T) {
	s := newScene(t)
	p := Probe(within(t), s.client, s.watch, ProbeOptions{To: s.vip(), MAC: s.node.MAC})
	time.Sleep(200 * time.Millisecond)
	down := time.Now()
	s.port(t, false)
	time.Sleep(300 * time.Millisecond)
	s.port(t, true)
	up := time.Now()
	time.Sleep(200 * time.Millisecond)
	line, err := p.Stop(within(t))
	if err != nil {
		t.Fatal(err)
	}
	gaps := line.Gaps()
	t.Logf("%d SYNs, gaps %v, slowest answer %v, blind for %v", len(line), gaps, line.Slowest(), line.Blind())
	if len(gaps) != 1 {
		t.Fatalf("gaps %v, want 1", gaps)
	}
	// The cable is off some time before and after these moments were taken, and what
	// the prober did not look at it cannot know.
	slack := 50*time.Millisecond + line.Blind()
	length, ended := gaps[0].Length()
	if off := up.Sub(down); !ended || length < off-slack || length > off+slack {
		t.Errorf("a gap of %v, %t; the port was down for %v", length, ended, off)
	}
	if line.Lost() != gaps[0].SYNs || gaps[0].SYNs < 10 {
		t.Errorf("%d lost, the gap has %d", line.Lost(), gaps[0].SYNs)
	}
	if len(line) < 50 || line.Slowest() <= 0 {
		t.Errorf("%d SYNs in 700 ms, the slowest answer after %v", len(line), line.Slowest())
	}
	for _, try := range line {
		if try.Answered && try.By != s.node.MAC {
			t.Fatalf("%+v", try)
		}
	}
	if again, err := p.Stop(within(t)); err != nil || len(again) != len(line) {
		t.Errorf("stopped again: %d SYNs, %v", len(again), err)
	}
}

// The client's kernel resets what nobody asked it for, so that no node is left
// with half-open connections.
func TestProbesLeaveNothingHalfOpen(t *testing.T) {
	s := newScene(t)
	p := Probe(within(t), s.client, s.watch, ProbeOptions{To: s.vip(), MAC: s.node.MAC, Every: time.Millisecond, Limit: 300 * time.Millisecond})
	line, err := p.Stop(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if line.Lost() > 0 {
		t.Errorf("%d of %d lost", line.Lost(), len(line))
	}
	out, err := s.node.Run(within(t), "ss", "-Htn", "state", "syn-recv")
	if err != nil {
		t.Skipf("ss is needed to see half-open connections: %v", err)
	}
	if len(out) > 0 {
		t.Errorf("half open:\n%s", out)
	}
}

func TestClients(t *testing.T) {
	s := newScene(t)
	o := ProbeOptions{To: s.vip(), MAC: s.node.MAC}
	const n = 500
	all, err := Clients(within(t), s.client, s.watch, o, n)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || len(all[s.node.MAC]) != n {
		t.Fatalf("%d nodes, %d clients of %v, want %d", len(all), len(all[s.node.MAC]), s.node.MAC, n)
	}
	// The same clients again are other SYNs.
	o.From, o.Every = all[s.node.MAC][:10], time.Millisecond
	o.Limit = 20 * time.Millisecond
	p := Probe(within(t), s.client, s.watch, o)
	<-p.done
	line, err := p.Stop(within(t))
	if err != nil || len(line) != 20 || line.Lost() > 0 {
		t.Errorf("%d SYNs, %d lost, %v", len(line), line.Lost(), err)
	}
	for i, try := range line {
		if try.Client != o.From[i%10] {
			t.Errorf("SYN %d came from %v, want %v", i, try.Client, o.From[i%10])
		}
	}
}

func TestProbeTellsOfABlindWatch(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := Probe(ctx, s.client, s.watch, ProbeOptions{To: s.vip(), MAC: s.node.MAC})
	time.Sleep(50 * time.Millisecond)
	cancel()
	if line, err := p.Stop(t.Context()); err != nil || len(line) == 0 {
		t.Errorf("%d SYNs after the context's end, %v", len(line), err)
	}
	s.watch.Forget()
	if line, err := p.Stop(t.Context()); err == nil {
		t.Errorf("%d SYNs that the watch has forgotten are no error", len(line))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p = Probe(t.Context(), s.client, s.watch, ProbeOptions{To: netip.AddrPortFrom(lab.VIP(), 1)})
	if _, err := p.Stop(t.Context()); err == nil {
		t.Error("a closed lab is no error")
	}
}
