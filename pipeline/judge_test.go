package pipeline

import (
	"bytes"
	"net"
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
)

// packets4 are IPv4 packets, whole and broken.
func packets4() []named {
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	to := func(mac config.MAC) func(*frame) {
		return func(f *frame) { f.eth.DstMAC = mac.HardwareAddr() }
	}
	from := func(ip string) func(*frame) {
		return func(f *frame) { f.ip.SrcIP = net.ParseIP(ip).To4() }
	}
	dst := func(ip string) func(*frame) {
		return func(f *frame) { f.ip.DstIP = net.ParseIP(ip).To4() }
	}
	return []named{
		{"tcp to a rule's port", tcpFrame(40000, 80), Accepted},
		{"tcp to the first port of a range", tcpFrame(40000, 8000), Accepted},
		{"tcp to the last port of a range", tcpFrame(40000, 8010), Accepted},
		{"tcp past the range", tcpFrame(40000, 8011), NoRule},
		{"tcp before the range", tcpFrame(40000, 7999), NoRule},
		{"tcp to a udp rule's port", tcpFrame(40000, 53), NoRule},
		{"udp to a rule's port", udpFrame(40000, 53), Accepted},
		{"udp to a tcp rule's port", udpFrame(40000, 80), NoRule},
		{"rule of another vip", tcpFrame(40000, 25), NoRule},
		{"rule of this vip", newFrame(vipB, &layers.TCP{SrcPort: 40000, DstPort: 25, SYN: true}), Accepted},
		{"highest ports", tcpFrame(65535, 65535), NoRule},
		{"sent to the interface's own address", tcpFrame(40000, 80).change(to(nicMAC)), Accepted},
		{"sent to another machine", tcpFrame(40000, 80).change(to(otherMAC)), Other},
		{"sent to another vip's vmac", tcpFrame(40000, 80).change(to(vipB.MAC)), Other},
		{"vmac, no vip", tcpFrame(40000, 80).change(dst("192.0.2.99")), NotVIP},
		{"own address, no vip", tcpFrame(40000, 80).change(dst("192.0.2.99")).change(to(nicMAC)), Other},
		{"ip options", tcpFrame(40000, 80).change(func(f *frame) {
			f.ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}, {OptionType: 0}}
		}), Accepted},
		{"padded to the ethernet minimum", udpFrame(40000, 53).patch(func(b []byte) []byte { return append(b, make([]byte, 20)...) }), Accepted},

		{"echo request", icmpFrame(layers.ICMPv4TypeEchoRequest), AcceptedEcho},
		{"echo reply", icmpFrame(layers.ICMPv4TypeEchoReply), OtherICMP},
		{"redirect", icmpFrame(layers.ICMPv4TypeRedirect), OtherICMP},
		{"unreachable", icmpFrame(layers.ICMPv4TypeDestinationUnreachable), AcceptedICMPError},
		{"time exceeded", icmpFrame(layers.ICMPv4TypeTimeExceeded), AcceptedICMPError},
		{"parameter problem", icmpFrame(layers.ICMPv4TypeParameterProblem), AcceptedICMPError},
		{"icmp cut short", icmpFrame(8).patch(set(16, 0, 27)), Malformed},

		{"other protocol", tcpFrame(40000, 80).patch(set(23, 132)), OtherProtocol},
		{"first fragment", tcpFrame(40000, 80).patch(set(20, 0x20, 0)), Fragment},
		{"later fragment", tcpFrame(40000, 80).patch(set(20, 0, 1)), Fragment},
		{"last fragment", tcpFrame(40000, 80).patch(set(20, 0x1f, 0xff)), Fragment},
		{"reserved flag alone", tcpFrame(40000, 80).patch(set(20, 0x80, 0)), Accepted},

		{"from port 0", tcpFrame(0, 80), PortZero},
		{"to port 0", udpFrame(40000, 0), PortZero},
		{"udp from port 0", udpFrame(0, 53), PortZero},
		{"from 0.0.0.0", tcpFrame(40000, 80).change(from("0.0.0.0")), Martian},
		{"from loopback", tcpFrame(40000, 80).change(from("127.0.0.1")), Martian},
		{"from multicast", tcpFrame(40000, 80).change(from("224.0.0.1")), Martian},
		{"from broadcast", tcpFrame(40000, 80).change(from("255.255.255.255")), Martian},
		{"from the vip itself", tcpFrame(40000, 80).change(from("192.0.2.100")), Martian},

		{"version 6 in an ipv4 frame", tcpFrame(40000, 80).patch(set(14, 0x65)), Malformed},
		{"header length 4 words", tcpFrame(40000, 80).patch(set(14, 0x44)), Malformed},
		{"header length past the datagram", tcpFrame(40000, 80).patch(set(14, 0x4f)), Malformed},
		{"total length less than the header", tcpFrame(40000, 80).patch(set(16, 0, 19)), Malformed},
		{"total length past the frame", tcpFrame(40000, 80).patch(set(16, 0x05, 0xdc)), Malformed},
		{"tcp header cut short", tcpFrame(40000, 80).patch(set(16, 0, 39)), Malformed},
		{"tcp header cut short, and no syn", tcpFrame(40000, 80).patch(func(b []byte) []byte { return set(47, 0x10)(set(16, 0, 39)(b)) }), Malformed},
		{"udp header cut short", udpFrame(40000, 53).patch(set(16, 0, 27)), Malformed},
		{"ip header cut short", tcpFrame(40000, 80).patch(cut(33)), NotVIP},
		{"ethernet header alone", tcpFrame(40000, 80).patch(cut(14)), NotVIP},
		{"runt", tcpFrame(40000, 80).patch(cut(13)), Other},
		{"empty", tcpFrame(40000, 80).patch(cut(0)), Other},
		{"other ethertype", tcpFrame(40000, 80).patch(set(12, 0x88, 0xb5)), Other},
		{"ipv4 in an ipv6 frame", tcpFrame(40000, 80).patch(set(12, 0x86, 0xdd)), NotVIP},
		{"every flag of tcp", tcpFrame(40000, 80).patch(set(47, 0xff)), Accepted},
		{"no flag of tcp", tcpFrame(40000, 80).patch(set(47, 0)), Accepted},
		{"a tcp header of four words", tcpFrame(40000, 80).patch(set(46, 0x40)), Accepted},
		{"a wrong tcp checksum", tcpFrame(40000, 80).patch(set(50, 0xde, 0xad)), Accepted},
		{"a wrong ip checksum", tcpFrame(40000, 80).patch(set(24, 0xde, 0xad)), Accepted},
		{"a udp datagram without checksum", udpFrame(40000, 53).patch(set(40, 0, 0)), Accepted},
		{"a udp length of 0", udpFrame(40000, 53).patch(set(38, 0, 0)), Accepted},
		{"congestion experienced", tcpFrame(40000, 80).patch(set(15, 3)), Accepted},
		{"time to live 0", tcpFrame(40000, 80).patch(set(22, 0)), Accepted},
		{"do not fragment", tcpFrame(40000, 80).patch(set(20, 0x40, 0)), Accepted},
		{"from a reserved address", tcpFrame(40000, 80).change(from("240.0.0.1")), Martian},
		{"from a private address", tcpFrame(40000, 80).change(from("10.0.0.1")), Accepted},
		{"from a link-local address", tcpFrame(40000, 80).change(from("169.254.0.1")), Accepted},
		{"from this network", tcpFrame(40000, 80).change(from("0.1.2.3")), Martian},
		{"to the all-ones address", tcpFrame(40000, 80).change(dst("255.255.255.255")), NotVIP},
		{"to a group", tcpFrame(40000, 80).change(dst("224.0.0.1")), NotVIP},
		{"to everybody's ethernet address", tcpFrame(40000, 80).change(to(config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})), Other},
		{"source quench, which nobody sends (RFC 6633)", icmpFrame(layers.ICMPv4TypeSourceQuench), OtherICMP},
		{"timestamp", icmpFrame(layers.ICMPv4TypeTimestampRequest), OtherICMP},
		{"address mask", icmpFrame(layers.ICMPv4TypeAddressMaskRequest), OtherICMP},
		{"ip in ip", tcpFrame(40000, 80).patch(set(23, 4)), OtherProtocol},
		{"gre", tcpFrame(40000, 80).patch(set(23, 47)), OtherProtocol},
		{"protocol 0", tcpFrame(40000, 80).patch(set(23, 0)), OtherProtocol},
		{"icmp of ipv6", icmpFrame(8).patch(set(23, 58)), OtherProtocol},
	}
}

func TestJudgeARP(t *testing.T) {
	table := testTable(t, true)
	broadcast := config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for _, tt := range []struct {
		name string
		dst  config.MAC
		want Reason
	}{
		{"broadcast", broadcast, Other},
		{"to the vmac", vipA.MAC, AcceptedNeighbour},
		{"to the interface", nicMAC, Other},
	} {
		if got := table.Judge(arpFrame(t, tt.dst, vipA), Facts{}, goodLease); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := table.Judge(arpFrame(t, vipA.MAC, vipA)[:41], Facts{}, goodLease); got != Other {
		t.Errorf("cut short: got %s, want %s", got, Other)
	}
}

func TestJudgeWithoutBuckets(t *testing.T) {
	none := testTable(t, false)
	stopped := NewTable(none.Rules, nil)
	for _, f := range []*frame{tcpFrame(40000, 80), udpFrame(40000, 53), icmpFrame(layers.ICMPv4TypeEchoRequest)} {
		if got := none.Judge(f.bytes(t), Facts{}, goodLease); got != NotMine {
			t.Errorf("node without buckets: got %s, want %s", got, NotMine)
		}
		if got := stopped.Judge(f.bytes(t), Facts{}, goodLease); got != NotServing {
			t.Errorf("stopped node: got %s, want %s", got, NotServing)
		}
	}
}

func TestDeliverSetsDestinationAlone(t *testing.T) {
	table := testTable(t, true)
	b := tcpFrame(40000, 80).bytes(t)
	want := append(nicMAC.HardwareAddr(), b[6:]...)
	table.Deliver(b)
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, []byte(want))
	}
}

func TestJudgeBatchFillsEachReason(t *testing.T) {
	table := testTable(t, true)
	frames := [][]byte{tcpFrame(1, 80).bytes(t), tcpFrame(1, 81).bytes(t), icmpFrame(8).bytes(t)}
	reasons := make([]Reason, BatchSize)
	table.JudgeBatch(frames, make([]Facts, BatchSize), goodLease, reasons)
	want := []Reason{Accepted, NoRule, AcceptedEcho, Other}
	for i, w := range want {
		if reasons[i] != w {
			t.Errorf("frame %d: got %s, want %s", i, reasons[i], w)
		}
	}
	var c Counters
	c.Add(reasons[:3])
	c.Add(reasons[:1])
	var sum [ReasonLen]uint64
	c.AddTo(&sum)
	if sum[Accepted] != 2 || sum[NoRule] != 1 || sum[AcceptedEcho] != 1 {
		t.Errorf("counters are %v", sum)
	}
}
