package lab

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"thresher/internal/leftout"
)

// reaches tells whether a datagram from one host is echoed by another, on a port. One
// that is expected is waited for on a busy machine, too.
func reaches(t *testing.T, from, to *Host, port uint16, expected bool) bool {
	t.Helper()
	conn, err := from.Dial(t.Context(), "udp", netip.AddrPort{}, netip.AddrPortFrom(to.Address, port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patienceFor(expected))); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("there?")); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 16))
	return err == nil
}

// patienceFor is how long an answer is waited for.
func patienceFor(expected bool) time.Duration {
	if expected {
		return 10 * time.Second
	}
	return 200 * time.Millisecond
}

// faultLab is a lab whose nodes echo on the port of gossip and on another, and
// know one another's Ethernet addresses.
func faultLab(t *testing.T, nodes int) *Lab {
	t.Helper()
	needNFT(t)
	l := newLab(t, Config{Nodes: nodes})
	for _, n := range l.Nodes {
		for _, port := range []int{7, gossipPort} {
			if _, err := n.StartUDPEcho(fmt.Sprintf("0.0.0.0:%d", port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, a := range l.Nodes {
		for _, b := range l.Nodes {
			if a != b {
				ping(t, a.Host, b.Address)
			}
		}
	}
	return l
}

func needNFT(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		leftout.Skip(t, "nft is not installed")
	}
}

func dropped(t *testing.T, f *Fault) int {
	t.Helper()
	n, err := f.Dropped(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFaultsRefuse(t *testing.T) {
	needNFT(t)
	l := newLab(t, Config{Nodes: 2})
	a, b := l.Nodes[0], l.Nodes[1]
	for name, inject := range map[string]func() error{
		"nothing to cut": func() error { _, err := l.Cut(t.Context()); return err },
		"another matter": func() error { _, err := l.Cut(t.Context(), Cut{a.Host, b.Host, ARP + 1}); return err },
		"more than all":  func() error { _, err := l.Lose(t.Context(), 101, b.Host); return err },
		"less than none": func() error { _, err := l.Lose(t.Context(), -1, b.Host); return err },
		"nothing":        func() error { _, err := l.Lose(t.Context(), 0, b.Host); return err },
		"no number":      func() error { _, err := l.Lose(t.Context(), math.NaN(), b.Host); return err },
		"nobody":         func() error { _, err := l.Lose(t.Context(), 10); return err },
		"power on twice": func() error { return l.PowerOn(t.Context(), a) },
	} {
		if inject() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f := cut(t, l, Cut{From: a.Host, To: b.Host})
	if err := errors.Join(l.Close(), f.Heal()); err != nil {
		t.Errorf("healing after Close: %v", err)
	}
	if _, err := sumCounters([]byte("table bridge fault1 {}")); err == nil {
		t.Error("a listing without a counter is no error")
	}
}
