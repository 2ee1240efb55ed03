package lab

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// Kind is what sort of frame an answer is.
type Kind uint8

// The kinds of answers that a Capture tells apart.
const (
	// SYNACK accepts a TCP connection. ID is the acknowledged sequence number,
	// which tells one SYN from another on the same ports; retransmissions of
	// either side have the same.
	SYNACK Kind = iota + 1
	// Segment is any other TCP segment but a reset. ID is 0.
	Segment
	// Reset is a TCP segment with RST. ID is 0.
	Reset
	// Datagram is UDP. ID is a hash of the payload as far as it was captured.
	Datagram
	// EchoReply answers a ping. ID is the identifier times 65,536 plus the
	// sequence number.
	EchoReply
	// ARPReply answers who has the VIP: by ARP, or by a solicited advertisement. ID is the Ethernet address claimed in
	// the payload: see Flow.Claimed.
	ARPReply
	// Announcement is an ARP frame or an advertisement that says, unasked, where the VIP is. ID is
	// as in ARPReply.
	Announcement
	// Fragment is a part of a packet. ID is the packet's identification.
	Fragment
	// Other is everything else. ID is the IP protocol number.
	Other
)

// String names the kind.
func (k Kind) String() string {
	names := [...]string{"none", "syn-ack", "segment", "reset", "datagram", "echo reply", "arp reply",
		"announcement", "fragment", "other"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Flow is what one answer, or several of the same sort, belongs to.
type Flow struct {
	Kind Kind
	// VIP is the address that answered.
	VIP netip.Addr
	// Client is the address that is answered.
	Client netip.Addr
	// ClientPort and VIPPort are the ports of TCP and UDP, otherwise 0.
	ClientPort, VIPPort uint16
	// ID tells flows with the same addresses and ports apart: see the kinds.
	ID uint64
}

// Claimed is the Ethernet address in the payload of an ARPReply or Announcement.
func (f Flow) Claimed() config.MAC {
	b := binary.BigEndian.AppendUint64(nil, f.ID)
	return config.MAC(b[2:])
}

// String writes the flow for error messages.
func (f Flow) String() string {
	return fmt.Sprintf("%s %s:%d > %s:%d id %#x", f.Kind, f.VIP, f.VIPPort, f.Client, f.ClientPort, f.ID)
}

// decoder reads frames with gopacket, which shares no code with the daemon's
// own parser and so can judge it.
type decoder struct {
	parser *gopacket.DecodingLayerParser
	found  []gopacket.LayerType
	eth    layers.Ethernet
	arp    layers.ARP
	ip     layers.IPv4
	ip6    layers.IPv6
	tcp    layers.TCP
	udp    layers.UDP
	icmp   layers.ICMPv4
	icmp6  layers.ICMPv6
	data   gopacket.Payload
}

func newDecoder() *decoder {
	d := &decoder{}
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet,
		&d.eth, &d.arp, &d.ip, &d.ip6, &d.tcp, &d.udp, &d.icmp, &d.icmp6, &d.data)
	d.parser.IgnoreUnsupported = true
	return d
}

// decode returns the flow of a frame and its Ethernet source; false if it is
// neither ARP nor IP, or is damaged.
func (d *decoder) decode(frame []byte) (Flow, config.MAC, bool) {
	if err := d.parser.DecodeLayers(frame, &d.found); err != nil || len(d.found) < 2 {
		return Flow{}, config.MAC{}, false
	}
	source := config.MAC(d.eth.SrcMAC)
	switch d.found[1] {
	case layers.LayerTypeARP:
		f, ok := d.arpFlow()
		return f, source, ok
	case layers.LayerTypeIPv4:
		return d.ipFlow(), source, true
	case layers.LayerTypeIPv6:
		return d.ip6Flow(), source, true
	default:
		return Flow{}, source, false
	}
}

func (d *decoder) arpFlow() (Flow, bool) {
	from, ok1 := netip.AddrFromSlice(d.arp.SourceProtAddress)
	to, ok2 := netip.AddrFromSlice(d.arp.DstProtAddress)
	if !ok1 || !ok2 || len(d.arp.SourceHwAddress) != len(config.MAC{}) {
		return Flow{}, false
	}
	kind := ARPReply
	if d.arp.Operation == layers.ARPRequest || from == to {
		kind = Announcement
	}
	claimed := binary.BigEndian.Uint64(append([]byte{0, 0}, d.arp.SourceHwAddress...))
	return Flow{Kind: kind, VIP: from, Client: to, ID: claimed}, true
}

func (d *decoder) ipFlow() Flow {
	from, _ := netip.AddrFromSlice(d.ip.SrcIP)
	to, _ := netip.AddrFromSlice(d.ip.DstIP)
	f := Flow{Kind: Other, VIP: from, Client: to, ID: uint64(d.ip.Protocol)}
	if d.ip.FragOffset != 0 || d.ip.Flags&layers.IPv4MoreFragments != 0 {
		f.Kind, f.ID = Fragment, uint64(d.ip.Id)
		return f
	}
	if len(d.found) < 3 {
		return f
	}
	switch d.found[2] {
	case layers.LayerTypeTCP:
		d.tcpFlow(&f)
	case layers.LayerTypeUDP:
		d.udpFlow(&f)
	case layers.LayerTypeICMPv4:
		if d.icmp.TypeCode.Type() == layers.ICMPv4TypeEchoReply {
			f.Kind, f.ID = EchoReply, uint64(d.icmp.Id)<<16|uint64(d.icmp.Seq)
		}
	}
	return f
}

func (d *decoder) udpFlow(f *Flow) {
	f.Kind, f.VIPPort, f.ClientPort = Datagram, uint16(d.udp.SrcPort), uint16(d.udp.DstPort)
	h := fnv.New64a()
	h.Write(d.udp.Payload)
	f.ID = h.Sum64()
}

func (d *decoder) tcpFlow(f *Flow) {
	f.VIPPort, f.ClientPort = uint16(d.tcp.SrcPort), uint16(d.tcp.DstPort)
	switch {
	case d.tcp.RST:
		f.Kind, f.ID = Reset, 0
	case d.tcp.SYN && d.tcp.ACK:
		f.Kind, f.ID = SYNACK, uint64(d.tcp.Ack)
	default:
		f.Kind, f.ID = Segment, 0
	}
}
