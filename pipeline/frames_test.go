package pipeline

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

var (
	nicMAC    = config.MAC{0x02, 0, 0, 0, 0, 0x0b}
	clientMAC = config.MAC{0x02, 0, 0, 0, 0, 0xc1}
	otherMAC  = config.MAC{0x02, 0, 0, 0, 0, 0x0c}

	vipA   = config.VIP{Address: netip.MustParseAddr("192.0.2.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}
	vipB   = config.VIP{Address: netip.MustParseAddr("192.0.2.101"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 101}}
	client = netip.MustParseAddr("203.0.113.7")

	testVIPs  = []config.VIP{vipA, vipB, vip6}
	testRules = []config.Rule{
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8010}}, Affinity: config.Session},
		{Name: "mail", Protocol: config.TCP, VIPs: []netip.Addr{vipB.Address}, Ports: []config.PortRange{{First: 25, Last: 25}}, Affinity: config.Client},
		{Name: "dns", Protocol: config.UDP, Ports: []config.PortRange{{First: 53, Last: 53}}, Affinity: config.Client},
	}
	testKey = config.HashKey{
		Function: config.Multilinear,
		Secret:   [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	}
)

// goodLease lets new flows in.
var goodLease = Lease{Now: 1, Deadline: 2}

// testTable is a node that has every bucket, or none.
func testTable(t testing.TB, all bool) *Table {
	t.Helper()
	rules, err := Compile(testVIPs, testRules, testKey, nicMAC)
	if err != nil {
		t.Fatal(err)
	}
	part := &Part{}
	if all {
		for b := range Buckets {
			part.Mine.Set(uint16(b))
		}
	}
	return NewTable(rules, &Share{Rules: []*Part{part, part, part}, Echo: part})
}

// frame is a packet for the VIP, to be changed by a test before it is built.
type frame struct {
	eth  layers.Ethernet
	ip   layers.IPv4
	l4   gopacket.SerializableLayer
	data []byte
	edit func([]byte) []byte
}

func newFrame(vip config.VIP, l4 gopacket.SerializableLayer) *frame {
	f := &frame{
		eth: layers.Ethernet{SrcMAC: clientMAC.HardwareAddr(), DstMAC: vip.MAC.HardwareAddr(), EthernetType: layers.EthernetTypeIPv4},
		ip: layers.IPv4{
			Version: 4, TTL: 64, Id: 4711, Flags: layers.IPv4DontFragment,
			SrcIP: net.IP(client.AsSlice()), DstIP: net.IP(vip.Address.AsSlice()),
		},
		l4: l4, data: []byte("payload"),
	}
	switch l4.(type) {
	case *layers.TCP:
		f.ip.Protocol = layers.IPProtocolTCP
	case *layers.UDP:
		f.ip.Protocol = layers.IPProtocolUDP
	case *layers.ICMPv4:
		f.ip.Protocol = layers.IPProtocolICMPv4
	}
	return f
}

func tcpFrame(src, dst uint16) *frame {
	return newFrame(vipA, &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), SYN: true, Window: 1024})
}

func udpFrame(src, dst uint16) *frame {
	return newFrame(vipA, &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)})
}

func icmpFrame(kind uint8) *frame {
	return newFrame(vipA, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: 7, Seq: 1})
}

// change alters the frame's headers before they are written.
func (f *frame) change(alter func(*frame)) *frame {
	alter(f)
	return f
}

// patch alters the frame's bytes after they are written.
func (f *frame) patch(edit func([]byte) []byte) *frame {
	f.edit = edit
	return f
}

func (f *frame) bytes(t testing.TB) []byte {
	t.Helper()
	if c, ok := f.l4.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := c.SetNetworkLayerForChecksum(&f.ip); err != nil {
			t.Fatal(err)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, &f.eth, &f.ip, f.l4, gopacket.Payload(f.data)); err != nil {
		t.Fatal(err)
	}
	if f.edit == nil {
		return buf.Bytes()
	}
	return f.edit(buf.Bytes())
}

// arpFrame asks for vip, sent to dst.
func arpFrame(t testing.TB, dst config.MAC, vip config.VIP) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{},
		&layers.Ethernet{SrcMAC: clientMAC.HardwareAddr(), DstMAC: dst.HardwareAddr(), EthernetType: layers.EthernetTypeARP},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: layers.ARPRequest, SourceHwAddress: clientMAC.HardwareAddr(), SourceProtAddress: client.AsSlice(),
			DstHwAddress: make([]byte, 6), DstProtAddress: vip.Address.AsSlice(),
		})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
