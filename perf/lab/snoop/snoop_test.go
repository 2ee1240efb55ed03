package snoop

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/internal/leftout"
)

func newSwitch(t *testing.T) *Switch {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "needs root: the test loads a BPF program")
	}
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// port is the index of the one interface of a test run: loopback's.
const port = 1

// in runs a frame into the switch.
func (s *Switch) in(t *testing.T, frame []byte) {
	t.Helper()
	if _, err := s.objects.Learn.Run(&ebpf.RunOptions{Data: frame}); err != nil {
		t.Fatal(err)
	}
}

// sends tells whether the port sends a frame to that address.
func (s *Switch) sends(t *testing.T, to config.MAC) bool {
	t.Helper()
	frame := append(append([]byte{}, to[:]...), make([]byte, 60)...)
	got, err := s.objects.Forward.Run(&ebpf.RunOptions{Data: frame})
	if err != nil {
		t.Fatal(err)
	}
	const shot = 2 // TC_ACT_SHOT, linux/pkt_cls.h
	return got != shot
}

var (
	group4 = config.MAC{0x01, 0x00, 0x5e, 0x7f, 0x02, 0x64} // 239.255.2.100
	group6 = config.MAC{0x33, 0x33, 0xef, 0xff, 0x02, 0x64} // ff15::efff:264
)

func igmp(t *testing.T, message ...byte) []byte {
	return serialize(t, layers.EthernetTypeIPv4, &layers.IPv4{
		Version: 4, TTL: 1, Protocol: layers.IPProtocolIGMP, SrcIP: []byte{192, 0, 2, 1}, DstIP: []byte{224, 0, 0, 22},
		Options: []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}, // router alert, RFC 2113
	}, message)
}

func mld(t *testing.T, message ...byte) []byte {
	alert := []byte{58, 0, 5, 2, 0, 0, 1, 0} // RFC 2711
	return serialize(t, layers.EthernetTypeIPv6, &layers.IPv6{
		Version: 6, HopLimit: 1, NextHeader: layers.IPProtocolIPv6HopByHop, SrcIP: make([]byte, 16), DstIP: make([]byte, 16),
	}, append(alert, message...))
}

func serialize(t *testing.T, kind layers.EthernetType, ip gopacket.SerializableLayer, payload []byte) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{1, 0, 0x5e, 0, 0, 22}, EthernetType: kind}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, eth, ip, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// address is ff15::efff:264.
func address() []byte {
	return []byte{0xff, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xef, 0xff, 2, 100}
}

func TestLearnsFromReports(t *testing.T) {
	v3 := func(kind, sources byte, more ...byte) []byte {
		records := append([]byte{0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 1, 224, 1, 1, 1, 9, 9, 9, 9}, kind, 0, 0, sources, 239, 255, 2, 100)
		return append(records, more...)
	}
	v2 := func(kind, sources byte, more ...byte) []byte {
		head := []byte{143, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, sources}
		return append(append(head, address()...), more...)
	}
	many := bytes.Repeat(v2(4, 0)[8:], 69) // a host of as many addresses as fit into a frame
	for at := range 69 {
		many[at*20+19] = byte(200 - at)
	}
	group := []byte{0, 0, 0, 239, 255, 2, 100}
	old := append(make([]byte, 7), address()...)
	for name, tc := range map[string]struct {
		frame  []byte
		mac    config.MAC
		member bool
	}{
		"IGMPv1 report":        {igmp(t, append([]byte{0x12}, group...)...), group4, true},
		"IGMPv2 report":        {igmp(t, append([]byte{0x16}, group...)...), group4, true},
		"IGMPv2 leave":         {igmp(t, append([]byte{0x17}, group...)...), group4, false},
		"IGMP query":           {igmp(t, append([]byte{0x11}, group...)...), group4, false},
		"IGMPv3 any source":    {igmp(t, v3(4, 0)...), group4, true},
		"IGMPv3 a source":      {igmp(t, v3(1, 1, 1, 2, 3, 4)...), group4, true},
		"IGMPv3 no source":     {igmp(t, v3(3, 0)...), group4, false},
		"IGMPv3 blocks":        {igmp(t, v3(6, 1, 1, 2, 3, 4)...), group4, false},
		"IGMPv3 cut off":       {igmp(t, v3(4, 0)[:24]...), group4, false},
		"MLDv1 report":         {mld(t, append([]byte{131}, old...)...), group6, true},
		"MLDv1 done":           {mld(t, append([]byte{132}, old...)...), group6, false},
		"MLDv2 any source":     {mld(t, v2(4, 0)...), group6, true},
		"MLDv2 no source":      {mld(t, v2(3, 0)...), group6, false},
		"MLDv2 many groups":    {mld(t, append(append([]byte{143, 0, 0, 0, 0, 0, 0, 70}, many...), v2(4, 0)[8:]...)...), group6, true},
		"not a group's report": {make([]byte, 60), group4, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSwitch(t)
			s.in(t, tc.frame)
			ports, err := s.Ports(tc.mac)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(ports, port) != tc.member || s.sends(t, tc.mac) != tc.member {
				t.Errorf("ports %v, sends %t; want member %t", ports, s.sends(t, tc.mac), tc.member)
			}
		})
	}
}

func TestForgetsWhoLeaves(t *testing.T) {
	s := newSwitch(t)
	group := []byte{0, 0, 0, 239, 255, 2, 100}
	s.in(t, igmp(t, append([]byte{0x16}, group...)...))
	if !s.sends(t, group4) {
		t.Fatal("no member")
	}
	s.in(t, igmp(t, append([]byte{0x17}, group...)...))
	if s.sends(t, group4) {
		t.Error("still a member")
	}
}

func TestForwardsWhatIsForNoGroup(t *testing.T) {
	s := newSwitch(t)
	for name, tc := range map[string]struct {
		to   config.MAC
		sent bool
	}{
		"a host":              {config.MAC{2, 0, 0, 0, 0, 9}, true},
		"flood":               {config.MAC{0x5a, 0xfe, 198, 18, 0, 100}, true},
		"multicast of no IP":  {config.MAC{0x03, 0xbf, 198, 18, 0, 100}, true},
		"everybody":           {config.MAC{255, 255, 255, 255, 255, 255}, true},
		"224.0.0.1":           {config.MAC{0x01, 0x00, 0x5e, 0, 0, 1}, true},
		"ff02::16":            {config.MAC{0x33, 0x33, 0, 0, 0, 0x16}, true},
		"a group":             {group4, false},
		"a group of IPv6":     {group6, false},
		"a solicited node":    {config.MAC{0x33, 0x33, 0xff, 0, 0, 1}, false},
		"the group 224.1.0.1": {config.MAC{0x01, 0x00, 0x5e, 1, 0, 1}, false},
	} {
		if got := s.sends(t, tc.to); got != tc.sent {
			t.Errorf("%s: sent %t", name, got)
		}
	}
}
