package arp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
	"thresher/internal/netnstest"
)

func TestWhatAMessageTells(t *testing.T) {
	ask := Heard{Address: vip6, Asks: true, Source: clientMAC}
	client := Heard{Address: client6, MAC: clientMAC, Source: clientMAC}
	rogue := Heard{Address: vip6, MAC: foreignMAC, Source: foreignMAC}
	alone := func(h Heard) Heard { h.Alone = true; return h }
	ask4, client4 := ask, client
	ask4.Address, client4.Address = vip, clientIP
	answer4 := Heard{Address: vip, MAC: vmac, Source: foreignMAC, Alone: true}
	reply := request(vmac, vip, clientIP).with(func(f *frame) {
		f.arp.Operation = 2
		f.eth.SrcMAC, f.eth.DstMAC = foreignMAC.HardwareAddr(), clientMAC.HardwareAddr()
	})
	for name, tc := range map[string]struct {
		family asking
		frame  []byte
		want   []Heard
	}{
		"ARP request":         {arpAsking{nicMAC}, arpFrame(request(clientMAC, clientIP, vip)), []Heard{ask4, client4}},
		"ARP probe":           {arpAsking{nicMAC}, arpFrame(request(clientMAC, netip.IPv4Unspecified(), vip)), []Heard{ask4}},
		"ARP reply":           {arpAsking{nicMAC}, arpFrame(reply), []Heard{answer4}},
		"ARP of its own":      {arpAsking{clientMAC}, arpFrame(request(clientMAC, clientIP, vip)), nil},
		"no ARP":              {arpAsking{nicMAC}, []byte("not a frame at all"), nil},
		"solicitation":        {ndpAsking{nicMAC, link6}, ndpBytes(solicit(clientMAC, client6, vip6)), []Heard{ask, client}},
		"to the VMAC":         {ndpAsking{nicMAC, link6}, ndpBytes(solicit(clientMAC, client6, vip6).to(vip6, vmac6)), []Heard{alone(ask), alone(client)}},
		"address probe":       {ndpAsking{nicMAC, link6}, ndpBytes(solicit(clientMAC, netip.IPv6Unspecified(), vip6)), []Heard{ask}},
		"advertisement":       {ndpAsking{nicMAC, link6}, ndpBytes(claim(foreignMAC, foreignMAC, vip6)), []Heard{rogue}},
		"answer":              {ndpAsking{nicMAC, link6}, ndpBytes(claim(foreignMAC, foreignMAC, vip6).to(client6, clientMAC)), []Heard{alone(rogue)}},
		"through a router":    {ndpAsking{nicMAC, link6}, ndpBytes(claim(foreignMAC, foreignMAC, vip6).with(func(n *neighbour) { n.ip.HopLimit = 254 })), nil},
		"solicitation of own": {ndpAsking{clientMAC, link6}, ndpBytes(solicit(clientMAC, client6, vip6)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []Heard
			if m, err := tc.family.parse(tc.frame); err == nil {
				m.tell(func(h Heard) { got = append(got, h) })
			}
			same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
			if diff := cmp.Diff(tc.want, got, same); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAskerIsAnswered: a machine asks, and the node that has been elected answers it
// alone, once.
func TestAskerIsAnswered(t *testing.T) {
	s := newSegment6(t)
	r, r6 := s.openNode(t, Options{}), s.openNode6(t, Options{})
	bind(t, r)
	bind6(t, r6)
	for _, tc := range []struct {
		open    func(*net.Interface) (*Asker, error)
		address netip.Addr
		mac     config.MAC
		counts  *Responder
		learnt  Reason // what the question was to the node
	}{
		{OpenAsker, vip, vmac, r, ProbeDefended},
		{OpenAskerIPv6, vip6, vmac6, r6, Answered},
	} {
		var a *Asker
		s.client.Do(t, func() error {
			ifi, err := net.InterfaceByName("eth0")
			if err == nil {
				a, err = tc.open(ifi)
			}
			return err
		})
		defer a.Close()
		if err := a.Ask(tc.address); err != nil {
			t.Fatal(err)
		}
		want := Heard{Address: tc.address, MAC: tc.mac, Source: macOf(s.nodeIf.HardwareAddr), Alone: true}
		if got := answersTo(t, a, tc.address); len(got) != 1 || got[0] != want {
			t.Errorf("answers %+v, want %+v; counters = %+v", got, want, tc.counts.Counters())
		}
		counted(t, tc.counts, tc.learnt, 1)
	}
}

// answersTo are the answers to an Asker alone, until there has been one and nothing
// came for a moment.
func answersTo(t *testing.T, a *Asker, address netip.Addr) (answers []Heard) {
	t.Helper()
	quiet, end := 200*time.Millisecond, time.Now().Add(5*time.Second)
	for last := time.Now(); time.Now().Before(end) && (len(answers) == 0 || time.Since(last) < quiet); time.Sleep(5 * time.Millisecond) {
		err := a.Receive(func(h Heard) {
			if h.Address == address && h.Alone && !h.Asks {
				answers, last = append(answers, h), time.Now()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// TestAskerUnderAFlood: where more comes without an end, Receive ends all the same.
func TestAskerUnderAFlood(t *testing.T) {
	s := newSegment(t)
	open := func(ns *netnstest.NS) (a *Asker) {
		ns.Do(t, func() error {
			ifi, err := net.InterfaceByName("eth0")
			if err == nil {
				a, err = OpenAsker(ifi)
			}
			return err
		})
		t.Cleanup(func() { _ = a.Close() })
		return a
	}
	hears, floods := open(s.client), open(s.node)
	heard := 0
	flood := func(Heard) {
		if heard++; heard > 2*maxRead {
			return
		}
		if err := floods.Ask(vip); err != nil {
			t.Error(err)
		}
	}
	flood(Heard{})
	for deadline := time.Now().Add(5 * time.Second); heard < 2 && time.Now().Before(deadline); { // until the first is there
		if err := hears.Receive(flood); err != nil {
			t.Fatal(err)
		}
	}
	if heard < 2 || heard > 1+maxRead {
		t.Errorf("%d frames were read", heard-1)
	}
}

func TestOpenAskerIPv6SaysWhatIsMissing(t *testing.T) {
	s := newSegment(t)
	s.node.Do(t, func() error {
		if err := writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "1"); err != nil {
			return err
		}
		if a, err := OpenAskerIPv6(s.nodeIf); !errors.Is(err, ErrNoIPv6) || !strings.Contains(err.Error(), "disable_ipv6=0") {
			t.Errorf("without IPv6: %v, %v; want ErrNoIPv6 with its cure", a, err)
		}
		return nil
	})
}

// FuzzTell feeds any bytes to both families: a claim names an address, and a machine.
func FuzzTell(f *testing.F) {
	f.Add(arpFrame(request(clientMAC, clientIP, vip)))
	f.Add(ndpBytes(solicit(clientMAC, client6, vip6)))
	f.Add(ndpBytes(claim(foreignMAC, foreignMAC, vip6)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for is6, family := range map[bool]asking{false: arpAsking{nicMAC}, true: ndpAsking{nicMAC, link6}} {
			m, err := family.parse(b)
			if err != nil {
				continue
			}
			m.tell(func(h Heard) {
				if h.Address.Is6() != is6 || h.Source == nicMAC || !h.Asks && h.Address.IsUnspecified() {
					t.Errorf("%+v", h)
				}
			})
		}
	})
}
