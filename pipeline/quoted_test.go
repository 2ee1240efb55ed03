package pipeline

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// errorAbout is an ICMP error that quotes a packet of the VIP's.
func errorAbout(t *testing.T, l4 gopacket.SerializableLayer, protocol layers.IPProtocol, edit func(*layers.IPv4)) []byte {
	t.Helper()
	inner := &layers.IPv4{Version: 4, TTL: 60, Protocol: protocol, SrcIP: vipA.Address.AsSlice(), DstIP: client.AsSlice()}
	if edit != nil {
		edit(inner)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, inner, l4); err != nil {
		t.Fatal(err)
	}
	f := icmpFrame(layers.ICMPv4TypeDestinationUnreachable)
	f.data = buf.Bytes()[:28] // as little as a router need quote
	return f.bytes(t)
}

// TestErrorGoesWhereTheFlowIs: settled buckets' owners have their flows, elsewhere
// the sockets tell, and where nothing does, every node takes the error.
func TestErrorGoesWhereTheFlowIs(t *testing.T) {
	web, dns := &layers.TCP{SrcPort: 80, DstPort: 40000}, &layers.UDP{SrcPort: 53, DstPort: 40000}
	tcp, udp := layers.IPProtocolTCP, layers.IPProtocolUDP
	foreign := func(ip *layers.IPv4) { ip.SrcIP = otherIP }
	later := func(ip *layers.IPv4) { ip.FragOffset = 1 }
	mine, others := testTable(t, true), testTable(t, false)
	unsettled := &Part{}
	for b := range Buckets {
		unsettled.Unsettled.Set(uint16(b))
	}
	moving := NewTable(mine.Rules, &Share{Rules: []*Part{unsettled, unsettled, unsettled}, Echo: unsettled})
	known := Facts{Flow: FlowKnown, Stamped: true}
	for _, tt := range []struct {
		name  string
		frame []byte
		table *Table
		facts Facts
		want  Reason
	}{
		{"our bucket", errorAbout(t, web, tcp, nil), mine, Facts{}, AcceptedICMPError},
		{"another's bucket", errorAbout(t, web, tcp, nil), others, Facts{}, NotMine},
		{"another's bucket, udp", errorAbout(t, dns, udp, nil), others, Facts{}, NotMine},
		{"moving bucket, flow here", errorAbout(t, web, tcp, nil), moving, known, AcceptedICMPError},
		{"moving bucket, flow elsewhere", errorAbout(t, web, tcp, nil), moving, Facts{}, UnknownFlow},
		{"moving bucket, udp", errorAbout(t, dns, udp, nil), moving, Facts{}, AcceptedICMPError},
		{"no rule", errorAbout(t, &layers.TCP{SrcPort: 50000, DstPort: 443}, tcp, nil), others, Facts{}, AcceptedICMPError},
		{"not sent by the vip", errorAbout(t, web, tcp, foreign), others, Facts{}, AcceptedICMPError},
		{"a later fragment", errorAbout(t, web, tcp, later), others, Facts{}, AcceptedICMPError},
		{"quotes nothing", icmpFrame(layers.ICMPv4TypeTimeExceeded).bytes(t), others, Facts{}, AcceptedICMPError},
		{"serves nothing", errorAbout(t, web, tcp, nil), NewTable(mine.Rules, nil), Facts{}, AcceptedICMPError},
	} {
		for _, lease := range []Lease{goodLease, {Now: 2, Deadline: 1}} {
			if got := tt.table.Judge(tt.frame, tt.facts, lease); got != tt.want {
				t.Errorf("%s, lease %v: %s, want %s", tt.name, lease.good(), got, tt.want)
			}
		}
	}
}

var otherIP = []byte{192, 0, 2, 99}

// TestErrorIsPlacedAsTheFlow: the error about a client's flow is in the flow's own
// bucket.
func TestErrorIsPlacedAsTheFlow(t *testing.T) {
	table := testTable(t, false)
	for port := uint16(1); port < 300; port++ {
		var p, q packet
		if r := p.parse4(tcpFrame(port, 80).bytes(t)[ethernetLen:]); r != Accepted {
			t.Fatal(r)
		}
		frame := errorAbout(t, &layers.TCP{SrcPort: 80, DstPort: layers.TCPPort(port)}, layers.IPProtocolTCP, nil)
		if !q.quoted(frame[ethernetLen:], frame[ethernetLen+ipv4MinLen:]) {
			t.Fatal("not placed")
		}
		if p.bucket(&table.hash, p.srcPort) != q.bucket(&table.hash, q.srcPort) || p.dstPort != q.dstPort {
			t.Errorf("port %d: the flow and the error about it have different buckets", port)
		}
	}
}
