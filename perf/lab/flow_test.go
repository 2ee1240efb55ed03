package lab

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

var (
	testNode   = config.MAC{2, 0, 198, 18, 0, 11}
	testClient = ip(1, 1)
)

func frameOf(t testing.TB, parts ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, parts...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

func testIP(p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, Protocol: p, SrcIP: VIP().AsSlice(), DstIP: testClient.AsSlice()}
}

func testARP(operation uint16, to netip.Addr) *layers.ARP {
	vmac := config.MAC{0x5a, 0xfe, 198, 18, 0, 100}
	return &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: operation, SourceHwAddress: vmac[:], SourceProtAddress: VIP().AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: to.AsSlice()}
}

func TestDecode(t *testing.T) {
	eth := &layers.Ethernet{SrcMAC: testNode.HardwareAddr(), DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	arpEth := &layers.Ethernet{SrcMAC: eth.SrcMAC, DstMAC: eth.DstMAC, EthernetType: layers.EthernetTypeARP}
	fragment := testIP(layers.IPProtocolUDP)
	fragment.FragOffset, fragment.Id = 100, 77
	tests := []struct {
		name  string
		frame []byte
		want  Flow
		ok    bool
	}{
		{"SYN-ACK", frameOf(t, eth, testIP(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, SYN: true, ACK: true, Ack: 9}),
			Flow{Kind: SYNACK, ClientPort: 4000, VIPPort: 80, ID: 9}, true},
		{"data", frameOf(t, eth, testIP(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, ACK: true, Ack: 9}),
			Flow{Kind: Segment, ClientPort: 4000, VIPPort: 80}, true},
		{"reset", frameOf(t, eth, testIP(layers.IPProtocolTCP), &layers.TCP{SrcPort: 80, DstPort: 4000, RST: true, ACK: true}),
			Flow{Kind: Reset, ClientPort: 4000, VIPPort: 80}, true},
		{"datagram", frameOf(t, eth, testIP(layers.IPProtocolUDP), &layers.UDP{SrcPort: 53, DstPort: 4000}, gopacket.Payload("a")),
			// FNV-1a of "a", from its authors' test vectors.
			Flow{Kind: Datagram, ClientPort: 4000, VIPPort: 53, ID: 0xaf63dc4c8601ec8c}, true},
		{"echo reply", frameOf(t, eth, testIP(layers.IPProtocolICMPv4), &layers.ICMPv4{Id: 3, Seq: 5}),
			Flow{Kind: EchoReply, ID: 3<<16 | 5}, true},
		{"echo request", frameOf(t, eth, testIP(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 3, Seq: 5}),
			Flow{Kind: Other, ID: 1}, true},
		{"later fragment", frameOf(t, eth, fragment, gopacket.Payload("0123456789")), Flow{Kind: Fragment, ID: 77}, true},
		{"another protocol", frameOf(t, eth, testIP(layers.IPProtocolGRE+1), gopacket.Payload("x")), Flow{Kind: Other, ID: 48}, true},
		{"ARP reply", frameOf(t, arpEth, testARP(layers.ARPReply, testClient)), Flow{Kind: ARPReply, ID: 0x5afec6120064}, true},
		{"gratuitous ARP", frameOf(t, arpEth, testARP(layers.ARPReply, VIP())), Flow{Kind: Announcement, Client: VIP(), ID: 0x5afec6120064}, true},
		{"ARP request", frameOf(t, arpEth, testARP(layers.ARPRequest, testClient)), Flow{Kind: Announcement, ID: 0x5afec6120064}, true},
		{"nothing", nil, Flow{}, false},
		{"cut in the IP header", frameOf(t, eth, testIP(layers.IPProtocolTCP))[:20], Flow{}, false},
		{"cut in the TCP header", frameOf(t, eth, testIP(layers.IPProtocolTCP), &layers.TCP{})[:40], Flow{}, false},
	}
	d := newDecoder()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, source, ok := d.decode(tt.frame)
			if ok != tt.ok {
				t.Fatalf("decoded %t, want %t", ok, tt.ok)
			}
			if !ok {
				return
			}
			want := tt.want
			want.VIP = VIP()
			if !want.Client.IsValid() {
				want.Client = testClient
			}
			if got != want || source != testNode {
				t.Errorf("got  %s from %s\nwant %s from %s", got, source, want, testNode)
			}
		})
	}
}

// The decoder reads what anybody sends. It must neither panic nor remember.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"",
		"020000000001" + "0200c612000b" + "0800" + "4500002800000000400600000000c6120064c6120101" + "00500fa0",
		"020000000001" + "0200c612000b" + "0806" + "00010800060400025afec6120064c6120064000000000000c6120101",
		"020000000001" + "0200c612000b" + "0806" + "0001080006ff00025afec6120064c6120064000000000000c6120101",
		"020000000001" + "0200c612000b" + "8100" + "00010800" + "45000014",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	used := newDecoder()
	f.Fuzz(func(t *testing.T, frame []byte) {
		flow, source, ok := used.decode(frame)
		flow2, source2, ok2 := newDecoder().decode(frame)
		if flow != flow2 || source != source2 || ok != ok2 {
			t.Errorf("a used decoder says %s %s %t, a new one %s %s %t", flow, source, ok, flow2, source2, ok2)
		}
		if ok && (flow.Kind == 0 || !flow.VIP.IsValid()) {
			t.Errorf("a flow without kind or sender: %s", flow)
		}
	})
}

func TestFilterRefuses(t *testing.T) {
	if _, err := fromFilter(make([]netip.Addr, maxFilterAddresses+1)); err == nil {
		t.Error("more addresses than the filter can jump over are accepted")
	}
}
