package arp

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

var (
	vip6      = netip.MustParseAddr("2001:db8::100")
	otherVIP6 = netip.MustParseAddr("2001:db8::101")
	client6   = netip.MustParseAddr("2001:db8::7")
	link6     = netip.MustParseAddr("fe80::7")
	vip6Group = netip.MustParseAddr("ff02::1:ff00:100")

	vmac6      = config.MAC{0x5a, 0xfe, 0x00, 0x00, 0x01, 0x00}
	otherVMAC6 = config.MAC{0x5a, 0xfe, 0x00, 0x00, 0x01, 0x01}
	groupMAC6  = config.MAC{0x33, 0x33, 0xff, 0x00, 0x01, 0x00}
	everybody6 = config.MAC{0x33, 0x33, 0, 0, 0, 1}
)

// neighbour is a frame of neighbour discovery as gopacket, an independent
// implementation, writes it.
type neighbour struct {
	eth    layers.Ethernet
	ip     layers.IPv6
	icmp   layers.ICMPv6
	body   []byte // behind the ICMPv6 header's first four bytes
	before []gopacket.SerializableLayer
	lie    bool // about the checksum
}

// solicit is "who has target" from a client, to the target's group.
func solicit(sender config.MAC, from, target netip.Addr) neighbour {
	n := neighbourFrom(sender, from, vip6Group, groupMAC6, layers.ICMPv6TypeNeighborSolicitation)
	a := target.As16()
	n.body = append(make([]byte, 4), a[:]...)
	if !from.IsUnspecified() {
		n.body = append(append(n.body, 1, 1), sender[:]...)
	}
	return n
}

// claim is an unsolicited "I have target" at the link-layer address mac.
func claim(sender, mac config.MAC, target netip.Addr) neighbour {
	n := neighbourFrom(sender, target, allNodes(), everybody6, layers.ICMPv6TypeNeighborAdvertisement)
	a := target.As16()
	n.body = append([]byte{0x20, 0, 0, 0}, a[:]...)
	n.body = append(append(n.body, 2, 1), mac[:]...)
	return n
}

func neighbourFrom(sender config.MAC, from, to netip.Addr, mac config.MAC, kind uint8) neighbour {
	return neighbour{
		eth: layers.Ethernet{SrcMAC: sender.HardwareAddr(), DstMAC: mac.HardwareAddr(), EthernetType: layers.EthernetTypeIPv6},
		ip: layers.IPv6{
			Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: 255, SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
		},
		icmp: layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)},
	}
}

// with returns the frame after a change.
func (n neighbour) with(change func(*neighbour)) neighbour {
	n.body = slices.Clone(n.body)
	change(&n)
	return n
}

// to sends it to that address at that Ethernet address.
func (n neighbour) to(a netip.Addr, mac config.MAC) neighbour {
	return n.with(func(n *neighbour) { n.ip.DstIP, n.eth.DstMAC = a.AsSlice(), mac.HardwareAddr() })
}

func ndpBytes(n neighbour) []byte {
	if err := n.icmp.SetNetworkLayerForChecksum(&n.ip); err != nil {
		panic(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	all := append([]gopacket.SerializableLayer{&n.eth, &n.ip}, n.before...)
	if err := gopacket.SerializeLayers(buf, opts, append(all, &n.icmp, gopacket.Payload(n.body))...); err != nil {
		panic(err)
	}
	b := slices.Clone(buf.Bytes())
	if n.lie {
		b[etherHeaderLen+ip6HeaderLen+2] ^= 0xff
	}
	return b
}

// advertised is an advertisement as gopacket reads it.
type advertised struct {
	EthSrc, EthDst   string
	From, To, Target string
	HopLimit         uint8
	Flags            uint8
	MAC              string // of the target link-layer option
}

const (
	solicitedFlag = 0x40
	overrideFlag  = 0x20
)

// readAdvertisement fails the test for what is no advertisement with a good
// checksum.
func readAdvertisement(t testing.TB, b []byte) advertised {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	eth, ok1 := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, ok2 := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	na, ok3 := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	if !ok1 || !ok2 || !ok3 || p.ErrorLayer() != nil {
		t.Fatalf("sent frame is no neighbour advertisement: % x", b)
	}
	a := advertised{
		EthSrc: eth.SrcMAC.String(), EthDst: eth.DstMAC.String(), From: ip.SrcIP.String(), To: ip.DstIP.String(),
		Target: na.TargetAddress.String(), HopLimit: ip.HopLimit, Flags: na.Flags,
	}
	for _, o := range na.Options {
		if o.Type == layers.ICMPv6OptTargetAddress {
			a.MAC = config.MAC(o.Data).String()
		}
	}
	if sum := gopacketChecksum(t, b); sum {
		return a
	}
	t.Fatalf("checksum is wrong: % x", b)
	return a
}

// gopacketChecksum tells whether gopacket computes the checksum that the frame has.
func gopacketChecksum(t testing.TB, b []byte) bool {
	t.Helper()
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	icmp := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	again := layers.ICMPv6{TypeCode: icmp.TypeCode}
	if err := again.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, &again, gopacket.Payload(icmp.Payload))
	if err != nil {
		t.Fatal(err)
	}
	return again.Checksum == icmp.Checksum
}

// fakeGroups remembers the groups that it was last told.
type fakeGroups struct {
	joined []netip.Addr
	anew   int
}

func (g *fakeGroups) set(groups []netip.Addr, anew bool) error {
	g.joined = groups
	if anew {
		g.anew++
	}
	return nil
}

func (g *fakeGroups) Close() error { return nil }

func responder6On(conn *fakeConn, o Options) *Responder {
	return newResponder(newNDPWire(nicMAC, conn, &fakeGroups{}), nicMAC, o)
}

func bind6(t testing.TB, r *Responder) {
	t.Helper()
	if err := r.SetBindings([]Binding{{Address: vip6, MAC: vmac6}}, []Binding{{Address: vip6, MAC: vmac6}, {Address: otherVIP6, MAC: otherVMAC6}}); err != nil {
		t.Fatal(err)
	}
}

// step6 feeds one frame to the receive step, as Serve does after its read.
func step6(r *Responder, b []byte, now time.Time) Reason {
	m, err := ndpMessage(b, nicMAC)
	return outcome(r, m, err, now)
}
