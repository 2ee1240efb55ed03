package arp

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"

	"thresher/config"
)

// Offsets in an IPv6 header, in bytes (RFC 8200, 3), and values of NDP.
const (
	ip6HeaderLen = 40
	ip6Length    = 4
	ip6Next      = 6
	ip6HopLimit  = 7
	ip6Source    = 8
	ip6Target    = 24

	icmp6       = 58 // IANA, Protocol Numbers
	icmp6Code   = 1
	ndpHopLimit = 255 // what no router has passed on (RFC 4861, 7.1)
	// ndpMinimum is the shortest solicitation or advertisement (RFC 4861, 7.1).
	ndpMinimum = 24
)

// allNodes is ff02::1, every node of the link.
func allNodes() netip.Addr { return netip.IPv6LinkLocalAllNodes() }

// groupMAC is the Ethernet address of a multicast group (RFC 2464, 7).
func groupMAC(group netip.Addr) config.MAC {
	a := group.As16()
	return config.MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// ndpFrame puts an ICMPv6 message into IPv6 and Ethernet.
func ndpFrame(from, to config.MAC, source, target netip.Addr, body []byte) []byte {
	f := make([]byte, 0, etherHeaderLen+ip6HeaderLen+len(body))
	f = append(append(f, to[:]...), from[:]...)
	f = binary.BigEndian.AppendUint16(f, uint16(ethernet.EtherTypeIPv6))
	f = append(f, 0x60, 0, 0, 0) // version 6
	f = binary.BigEndian.AppendUint16(f, uint16(len(body)))
	f = append(f, icmp6, ndpHopLimit)
	s, t := source.As16(), target.As16()
	return append(append(append(f, s[:]...), t[:]...), body...)
}

// ndpMessage reads a frame that came through ndpOnly's filter, and makes sure that
// it is fit for an answer: RFC 4861, 7.1.1 and 7.1.2. One with extension headers is
// none: a fragment must not be (RFC 6980), and nobody needs the others.
func ndpMessage(frame []byte, nic config.MAC) (message, error) {
	ip, ok := ip6Of(frame)
	if !ok {
		return message{}, refusal(Malformed)
	}
	m := message{source: config.MAC(frame[sourceOffset:typeOffset]), destination: config.MAC(frame[:sourceOffset])}
	m.group = m.destination[0]&1 != 0
	from, to := netip.AddrFrom16([16]byte(ip[ip6Source:])), netip.AddrFrom16([16]byte(ip[ip6Target:]))
	body := ip[ip6HeaderLen:]
	switch {
	case m.source == nic:
		return m, refusal(OwnFrame)
	case ip[ip6HopLimit] != ndpHopLimit:
		return m, refusal(BadHopLimit)
	case len(body) < ndpMinimum || body[icmp6Code] != 0:
		return m, refusal(Malformed)
	case checksum6(from, to, body) != 0:
		return m, refusal(BadChecksum)
	}
	parsed, err := ndp.ParseMessage(body)
	if err != nil {
		return m, refusal(Malformed)
	}
	switch p := parsed.(type) {
	case *ndp.NeighborSolicitation:
		return solicitation(m, p, from, to)
	case *ndp.NeighborAdvertisement:
		return advertisement(m, p, to)
	}
	return m, refusal(Malformed)
}

// ip6Of cuts the IPv6 packet out of a frame: an ICMPv6 message without extension
// headers, as long as it says.
func ip6Of(frame []byte) (ip []byte, ok bool) {
	if len(frame) < etherHeaderLen+ip6HeaderLen || ethernet.EtherType(binary.BigEndian.Uint16(frame[typeOffset:])) != ethernet.EtherTypeIPv6 {
		return nil, false
	}
	ip = frame[etherHeaderLen:]
	end := ip6HeaderLen + int(binary.BigEndian.Uint16(ip[ip6Length:]))
	if ip[0]>>4 != 6 || ip[ip6Next] != icmp6 || len(ip) < end {
		return nil, false
	}
	return ip[:end], true
}

// solicitation is a question, or without a source a probe whether the target is
// free (RFC 4862, 5.4).
func solicitation(m message, p *ndp.NeighborSolicitation, from, to netip.Addr) (message, error) {
	m.asks, m.target, m.sender = true, p.TargetAddress, from
	mac, said := linkLayer(p.Options, ndp.Source)
	m.senderMAC = mac
	if !said {
		m.senderMAC = m.source
	}
	group, err := ndp.SolicitedNodeMulticast(m.target)
	switch {
	case m.target.IsMulticast() || err != nil:
		return m, refusal(BadTarget)
	case from.IsUnspecified() && (to != group || said):
		return m, refusal(BadSender)
	case !from.IsUnspecified() && (from.IsMulticast() || from.Is4In6() || !answerable(m.senderMAC)):
		return m, refusal(BadSender)
	}
	return m, nil
}

// advertisement is a claim of its target. One that does not say where the target
// is means where it comes from.
func advertisement(m message, p *ndp.NeighborAdvertisement, to netip.Addr) (message, error) {
	m.target, m.sender = p.TargetAddress, p.TargetAddress
	mac, said := linkLayer(p.Options, ndp.Target)
	m.senderMAC = mac
	if !said {
		m.senderMAC = m.source
	}
	if m.target.IsMulticast() || p.Solicited && to.IsMulticast() {
		return m, refusal(BadTarget)
	}
	return m, nil
}

// linkLayer is the Ethernet address that a message gives.
func linkLayer(options []ndp.Option, which ndp.Direction) (mac config.MAC, said bool) {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == which {
			return macOf(l.Addr), true
		}
	}
	return mac, false
}

// checksum6 is the checksum over an ICMPv6 message with its own in it: 0 if that is
// right (RFC 8200, 8.1; RFC 4443, 2.3).
func checksum6(from, to netip.Addr, body []byte) uint16 {
	s, t := from.As16(), to.As16()
	sum := uint32(len(body)) + icmp6
	for _, part := range [][]byte{s[:], t[:], body} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
		if len(part)%2 == 1 {
			sum += uint32(part[len(part)-1]) << 8
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
