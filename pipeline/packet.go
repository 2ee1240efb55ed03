package pipeline

import "encoding/binary"

// Sizes and offsets of the headers read here, in bytes. Sources: IEEE 802.3
// §3.1, RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1, RFC 768, RFC 792, RFC 4443
// §2.1, RFC 826.
const (
	ethernetLen = 14
	ipv4MinLen  = 20
	ipv6Len     = 40
	tcpMinLen   = 20
	udpLen      = 8
	icmpLen     = 8
	arpLen      = 28
)

// EtherTypes. Source: IANA, IEEE 802 Numbers.
const (
	etherTypeIPv4 = 0x0800
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd
	etherTypeVLAN = 0x8100 // IEEE 802.1Q, a customer's tag
)

// IP protocol numbers. Source: IANA, Assigned Internet Protocol Numbers.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
	// protocolProbe is kept for experiments (RFC 3692 §2.1); package wire's probes
	// have it.
	protocolProbe = 253
)

// TCP flags: those that tell whether a packet opens a flow, ACK, RST, SYN and
// FIN, and SYN alone. Source: RFC 9293 §3.1.
const (
	tcpOpening = 0x17
	tcpSYN     = 0x02
)

// packet is what the verdict needs of a VIP packet. Addresses and ports are as
// on the wire, loaded little-endian, but dstPort, which is in host order since
// it is an index.
type packet struct {
	src      uint32    // of IPv4
	src6     [2]uint64 // of IPv6: its first eight bytes, and its last
	srcPort  uint16
	dstPort  uint16
	id       uint16 // the IP identification (RFC 791 §3.1)
	protocol uint8
	icmpType uint8
	six      bool // over IPv6
	// first has a datagram's first part be taken for the whole.
	first bool
	// relay says that this node must hand the packet on if it is another's.
	relay bool
	// icmp is an ICMP message, from its header on.
	icmp []byte
	// opens says that a flow may begin with it: a SYN that is nothing else, and
	// every UDP packet.
	opens bool
}

// What of an IPv4 header's third word's second half tells a fragment: More
// Fragments or an offset (RFC 791 §3.1). Of the first one, the offset is 0.
const (
	fragmentMask4 = 0x3fff
	offsetMask4   = 0x1fff
)

// parse4 reads an IPv4 packet from its IP header on. It returns Accepted if the
// packet is whole and of a kind that rules can place, else why it is not.
func (p *packet) parse4(ip []byte) Reason {
	if len(ip) < ipv4MinLen {
		return Malformed
	}
	headerLen := int(ip[0]&0x0f) * 4
	totalLen := int(binary.BigEndian.Uint16(ip[2:]))
	if ip[0]>>4 != 4 || headerLen < ipv4MinLen || totalLen < headerLen || totalLen > len(ip) {
		return Malformed
	}
	p.src = binary.LittleEndian.Uint32(ip[12:])
	if martian4(ip[12], p.src, binary.LittleEndian.Uint32(ip[16:])) {
		return Martian
	}
	if part := binary.BigEndian.Uint16(ip[6:]) & fragmentMask4; part != 0 && (!p.first || part&offsetMask4 != 0) {
		return Fragment
	}
	p.protocol = ip[9]
	p.id = binary.LittleEndian.Uint16(ip[4:])
	return p.parseTransport(ip[headerLen:totalLen])
}

// martian4 tells whether an IPv4 source address is one that no client can have:
// 0.0.0.0/8, loopback, multicast, reserved and broadcast (RFC 1812 §5.3.7,
// RFC 6890), or the destination itself.
func martian4(firstByte byte, src, dst uint32) bool {
	return firstByte == 0 || firstByte == 127 || firstByte >= 224 || src == dst
}

// bucket is the client's, with or without its port.
func (p *packet) bucket(h *hasher, port uint16) uint16 {
	if p.six {
		return h.bucket6(p.src6[0], p.src6[1], port)
	}
	return h.bucket4(client4(p.src, port, 0))
}

func (p *packet) parseTransport(b []byte) Reason {
	switch p.protocol {
	case protocolTCP:
		reason := p.parsePorts(b, tcpMinLen)
		p.opens = reason == Accepted && b[13]&tcpOpening == tcpSYN
		return reason
	case protocolUDP:
		p.opens = true
		return p.parsePorts(b, udpLen)
	case protocolICMP, protocolICMPv6:
		if p.six != (p.protocol == protocolICMPv6) {
			return OtherProtocol
		}
		if len(b) < icmpLen {
			return Malformed
		}
		p.icmpType, p.icmp = b[0], b
		return Accepted
	}
	return OtherProtocol
}

// parsePorts reads the ports, which TCP and UDP have at the same place.
func (p *packet) parsePorts(b []byte, minLen int) Reason {
	if len(b) < minLen {
		return Malformed
	}
	p.srcPort = binary.LittleEndian.Uint16(b)
	p.dstPort = binary.BigEndian.Uint16(b[2:])
	if p.srcPort == 0 || p.dstPort == 0 {
		return PortZero
	}
	return Accepted
}
