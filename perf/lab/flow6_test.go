package lab

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
)

func testIP6(p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, NextHeader: p, HopLimit: 64, SrcIP: VIP6().AsSlice(), DstIP: In6(testClient).AsSlice()}
}

// testAdvertisement says that the VIP is at its VMAC.
func testAdvertisement(flags byte) (layers.ICMPv6, gopacket.Payload) {
	vip := VIP6().As16()
	body := append([]byte{flags, 0, 0, 0}, vip[:]...)
	return layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborAdvertisement, 0)},
		append(body, 2, 1, 0x5a, 0xfe, 0xc6, 0x12, 0x00, 0x6a)
}

func TestDecodeIPv6(t *testing.T) {
	eth := &layers.Ethernet{SrcMAC: testNode.HardwareAddr(), DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv6}
	reply := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoReply, 0)}
	answer, said := testAdvertisement(naSolicited | 0x20)
	unasked, told := testAdvertisement(0x20)
	fragment := gopacket.Payload{17, 0, 0, 9, 0, 0, 0, 77, 1, 2, 3, 4, 5, 6, 7, 8}
	tests := []struct {
		name  string
		frame []byte
		want  Flow
		ok    bool
	}{
		{"SYN-ACK", frameOf(t, eth, testIP6(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, SYN: true, ACK: true, Ack: 9}),
			Flow{Kind: SYNACK, ClientPort: 4000, VIPPort: 80, ID: 9}, true},
		{"reset", frameOf(t, eth, testIP6(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, RST: true, ACK: true}),
			Flow{Kind: Reset, ClientPort: 4000, VIPPort: 80}, true},
		{"datagram", frameOf(t, eth, testIP6(layers.IPProtocolUDP), &layers.UDP{SrcPort: 53, DstPort: 4000}, gopacket.Payload("a")),
			Flow{Kind: Datagram, ClientPort: 4000, VIPPort: 53, ID: 0xaf63dc4c8601ec8c}, true},
		{"echo reply", frameOf(t, eth, testIP6(layers.IPProtocolICMPv6), reply, gopacket.Payload{0, 3, 0, 5}), Flow{Kind: EchoReply, ID: 3<<16 | 5}, true},
		{"answer to a solicitation", frameOf(t, eth, testIP6(layers.IPProtocolICMPv6), &answer, said), Flow{Kind: ARPReply, ID: 0x5afec612006a}, true},
		{"unasked advertisement", frameOf(t, eth, testIP6(layers.IPProtocolICMPv6), &unasked, told), Flow{Kind: Announcement, ID: 0x5afec612006a}, true},
		{"fragment", frameOf(t, eth, testIP6(layers.IPProtocolIPv6Fragment), fragment), Flow{Kind: Fragment, ID: 77}, true},
		{"another protocol", frameOf(t, eth, testIP6(layers.IPProtocolGRE+1), gopacket.Payload("x")), Flow{Kind: Other, ID: 48}, true},
		{"cut in the header", frameOf(t, eth, testIP6(layers.IPProtocolTCP))[:40], Flow{}, false},
	}
	d := newDecoder()
	filter := vmOf(t, VIP(), VIP6())
	for _, tt := range tests {
		got, source, ok := d.decode(tt.frame)
		if ok != tt.ok || ok && source != testNode {
			t.Errorf("%s: decoded %t from %v", tt.name, ok, source)
			continue
		}
		if ok {
			tt.want.VIP, tt.want.Client = VIP6(), In6(testClient)
			if got != tt.want {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
			if n, err := filter.Run(tt.frame); err != nil || n == 0 {
				t.Errorf("%s: the filter keeps %d bytes, %v", tt.name, n, err)
			}
			if n, err := vmOf(t, VIP(), In6(VIP())).Run(tt.frame); err != nil || n != 0 {
				t.Errorf("%s: the filter of another VIP keeps %d bytes, %v", tt.name, n, err)
			}
		}
	}
}

// vmOf runs the capture's filter as the kernel does.
func vmOf(t *testing.T, vips ...netip.Addr) *bpf.VM {
	t.Helper()
	raw, err := fromFilter(vips)
	if err != nil {
		t.Fatal(err)
	}
	prog, _ := bpf.Disassemble(raw)
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// A farm with IPv6 is one in which everybody reaches everybody, and whose oracle
// sees who answers.
func TestIPv6Reaches(t *testing.T) {
	l := newLab(t, Config{Nodes: 2, Clients: 1, ClientAddresses: 3, IPv6: true})
	node, client := l.Nodes[0], l.Clients[0]
	if _, err := node.StartHTTP(":80", nil); err != nil {
		t.Fatal(err)
	}
	w, err := client.WatchHandshakes(In6(node.Address))
	if err != nil {
		t.Fatal(err)
	}
	syns := SYNs{To: netip.AddrPortFrom(In6(node.Address), 80), MAC: node.MAC, From: SYNSources6(50)}
	if _, err := client.SendSYNs(t.Context(), syns); err != nil {
		t.Fatal(err)
	}
	// The node asks for the clients first, and may be late on a busy machine.
	if err := w.Settle(within(t, 5*time.Second), 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for i := range syns.From {
		if h, ok := w.Of(syns.SYN(i)); !ok || len(h.By) != 1 || h.By[0] != node.MAC || h.Times != 1 {
			t.Fatalf("SYN %d: %+v, %t, want one answer by %v", i, h, ok, node.MAC)
		}
	}
	if out, err := client.Run(t.Context(), "ping", "-6", "-c", "1", "-W", "2", "-I", In6(client.Addresses[2]).String(), In6(l.Nodes[1].Address).String()); err != nil {
		t.Errorf("ping: %v\n%s", err, out)
	}
	if mac, ok, err := client.Neighbour(In6(node.Address)); err != nil || ok && mac != node.MAC {
		t.Errorf("neighbour %v, %t, %v", mac, ok, err)
	}
	if err := client.FlushNeighbours(); err != nil {
		t.Error(err)
	}
}
