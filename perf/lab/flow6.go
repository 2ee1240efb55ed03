package lab

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// What NDP's advertisements have behind the ICMPv6 header's first four bytes (RFC
// 4861, 4.4): flags, the target, and options.
const (
	naSolicited   = 0x40
	naOptions     = 4 + 16
	optTargetMAC  = 2
	optionMACSize = 8
)

// ip6Flow is the flow of a packet of IPv6. Extension headers but a fragment's are
// not looked behind.
func (d *decoder) ip6Flow() Flow {
	from, _ := netip.AddrFromSlice(d.ip6.SrcIP)
	to, _ := netip.AddrFromSlice(d.ip6.DstIP)
	f := Flow{Kind: Other, VIP: from, Client: to, ID: uint64(d.ip6.NextHeader)}
	if rest := d.ip6.Payload; d.ip6.NextHeader == layers.IPProtocolIPv6Fragment && len(rest) >= 8 {
		f.Kind, f.ID = Fragment, uint64(binary.BigEndian.Uint32(rest[4:]))
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
	case layers.LayerTypeICMPv6:
		d.icmp6Flow(&f)
	}
	return f
}

// icmp6Flow reads echo replies and advertisements: what a client hears of a VIP.
func (d *decoder) icmp6Flow(f *Flow) {
	body := d.icmp6.Payload
	switch {
	case d.icmp6.TypeCode.Type() == layers.ICMPv6TypeEchoReply && len(body) >= 4:
		f.Kind, f.ID = EchoReply, uint64(binary.BigEndian.Uint32(body))
	case d.icmp6.TypeCode.Type() == layers.ICMPv6TypeNeighborAdvertisement && len(body) >= naOptions+optionMACSize:
		option := body[naOptions:]
		if option[0] != optTargetMAC || option[1] != 1 {
			return
		}
		f.Kind = Announcement
		if body[0]&naSolicited != 0 {
			f.Kind = ARPReply
		}
		f.VIP = netip.AddrFrom16([16]byte(body[4:]))
		f.ID = binary.BigEndian.Uint64(append([]byte{0, 0}, option[2:optionMACSize]...))
	}
}
