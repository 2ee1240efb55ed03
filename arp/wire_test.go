package arp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

func TestArpingGetsExactlyOneReplyWithTheVMACInThePayload(t *testing.T) {
	s := newSegment(t)
	r := s.openNode(t, Options{})
	wire := s.sniff(t)
	if got := repliesIn(s.arping(t, "-c", "1", "-w", "1", "-i", "eth0", vip.String())); got != nil {
		t.Fatalf("before any binding: replies from %v", got)
	}
	bind(t, r)
	out := s.arping(t, "-c", "3", "-w", "20", "-i", "eth0", vip.String())
	card := s.nodeIf.HardwareAddr.String()
	if diff := cmp.Diff([]string{card, card, card}, repliesIn(out)); diff != "" {
		t.Errorf("ethernet sources of the replies to three requests (-want +got):\n%s\n%s", diff, out)
	}
	for range 3 {
		reply := next(t, wire, func(s seen) bool { return s.Op == 2 && s.TargetIP == "192.0.2.7" })
		if reply.EthSrc != card || reply.SenderMAC != vmac.String() {
			t.Errorf("ethernet source %s and payload %s, want the card's %v and %v", reply.EthSrc, reply.SenderMAC, card, vmac)
		}
	}
	counted(t, r, Answered, 3)
}

func TestAddressProbesAreAnsweredOnTheWire(t *testing.T) {
	s := newSegment(t)
	r := s.openNode(t, Options{})
	bind(t, r)
	wire := s.sniff(t)
	// -0 is a probe from 0.0.0.0, as DHCP clients and RFC 5227 hosts send it.
	s.arping(t, "-0", "-c", "1", "-w", "1", "-i", "eth0", vip.String())
	reply := next(t, wire, func(s seen) bool { return s.Op == 2 && s.TargetIP == "0.0.0.0" })
	if reply.SenderMAC != vmac.String() {
		t.Errorf("reply = %+v", reply)
	}
	counted(t, r, ProbeDefended, 1)
}

func TestAnnouncementsReachTheWire(t *testing.T) {
	s := newSegment(t)
	r := s.openNode(t, Options{})
	wire := s.sniff(t)
	bind(t, r)
	for _, op := range []uint16{1, 2} {
		got := next(t, wire, func(s seen) bool { return s.SenderIP == vip.String() && s.Op == op })
		if got.EthSrc != s.nodeIf.HardwareAddr.String() || got.EthDst != broadcast.String() || got.SenderMAC != vmac.String() {
			t.Errorf("announcement = %+v", got)
		}
	}
}

func TestAForeignClaimIsReportedFromTheWire(t *testing.T) {
	s := newSegment(t)
	claims := make(chan string, 16)
	r := s.openNode(t, Options{Conflict: func(a netip.Addr, m config.MAC) { claims <- a.String() + " " + m.String() }})
	bind(t, r)
	// A machine that announces the VIP as its own, at the client's address.
	s.arping(t, "-U", "-P", "-c", "2", "-w", "2", "-S", vip.String(), "-s", foreignMAC.String(), "-i", "eth0", vip.String())
	select {
	case got := <-claims:
		if want := vip.String() + " " + foreignMAC.String(); got != want {
			t.Errorf("claim = %s, want %s", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("no conflict reported; counters = %+v", r.Counters())
	}
	if len(claims) != 0 {
		t.Error("a second claim within 10 s was reported too")
	}
}

func TestTheLinkMayGoDownAndComeBack(t *testing.T) {
	s := newSegment(t)
	r := s.openNode(t, Options{})
	bind(t, r)
	wire := s.sniff(t)
	s.node.Link(t, "eth0", false)
	s.node.Link(t, "eth0", true)
	if got := repliesIn(s.arping(t, "-c", "1", "-w", "20", "-i", "eth0", vip.String())); len(got) != 1 {
		t.Errorf("after the link came back: replies from %v", got)
	}
	next(t, wire, func(s seen) bool { return s.SenderIP == vip.String() && s.Op == 1 })
}

func TestADeletedInterfaceEndsServe(t *testing.T) {
	s := newSegment(t)
	s.node.Addr(t, "eth0", "192.0.2.11/24")
	var r *Responder
	s.node.Do(t, func() (err error) {
		r, err = Open(s.nodeIf, Options{})
		return err
	})
	done := make(chan error, 1)
	go func() { done <- r.Serve(context.Background()) }()
	s.node.Delete(t, "eth0")
	select {
	case err := <-done:
		if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "eth0") {
			t.Errorf("Serve = %v, want ErrGone of eth0", err)
		}
	case <-time.After(lookAround + 10*time.Second):
		t.Error("Serve goes on without its interface")
	}
	if err := errors.Join(r.Close(), r.Serve(context.Background())); err != nil {
		t.Errorf("close, and serve after it: %v", err)
	}
}

func TestCloseEndsServeOnARealSocket(t *testing.T) {
	s := newSegment(t)
	s.node.Addr(t, "eth0", "192.0.2.11/24")
	var r *Responder
	s.node.Do(t, func() (err error) {
		r, err = Open(s.nodeIf, Options{})
		return err
	})
	done := make(chan error, 1)
	go func() { done <- r.Serve(context.Background()) }()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Serve goes on after Close")
	}
	if err := r.Announce(Binding{Address: vip, MAC: vmac}); err == nil {
		t.Error("announced through a closed socket")
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	s := newSegment(t)
	s.node.Do(t, func() error {
		if r, err := Open(s.nodeIf, Options{}); !errors.Is(err, ErrNoIPv4) || !strings.Contains(err.Error(), "ip address add") {
			t.Errorf("without an IPv4 address: %v, %v; want ErrNoIPv4 with its cure", r, err)
		}
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			return err
		}
		if _, err := Open(lo, Options{}); err == nil || !strings.Contains(err.Error(), "not an Ethernet interface") {
			t.Errorf("on lo: %v", err)
		}
		return nil
	})
}
