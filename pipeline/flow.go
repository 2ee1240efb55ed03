package pipeline

import "encoding/binary"

// flow is a TCP or UDP flow: everything as on the wire, IPv4 addresses as IPv6 has
// them (RFC 4291 §2.5.5.2).
type flow struct {
	source, destination [16]byte
	ports               [4]byte
}

// tcpFlow reads the flow out of a frame; ok is false if it is no TCP. It stands any
// frame, though only those that were judged before come here.
func tcpFlow(frame []byte) (f flow, ok bool) {
	f, protocol, ok := flowIn(frame)
	return f, ok && protocol == protocolTCP
}

// flowIn is the same for TCP and UDP.
func flowIn(frame []byte) (f flow, protocol uint8, ok bool) {
	if len(frame) < ethernetLen {
		return f, 0, false
	}
	var l4 []byte
	switch ip := frame[ethernetLen:]; binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		l4, protocol, ok = f.addresses4(ip)
	case etherTypeIPv6:
		l4, protocol, ok = f.addresses6(ip)
	}
	least := udpLen
	switch protocol {
	case protocolTCP:
		least = tcpMinLen
	case protocolUDP:
	default:
		return f, 0, false
	}
	if !ok || len(l4) < least {
		return f, 0, false
	}
	copy(f.ports[:], l4)
	return f, protocol, true
}

// addresses4 reads the addresses of an IPv4 packet, and returns what follows its
// header.
func (f *flow) addresses4(ip []byte) (l4 []byte, protocol uint8, ok bool) {
	if len(ip) < ipv4MinLen {
		return nil, 0, false
	}
	headerLen := int(ip[0]&0x0f) * 4
	if headerLen < ipv4MinLen || headerLen > len(ip) {
		return nil, 0, false
	}
	f.source[10], f.source[11], f.destination[10], f.destination[11] = 0xff, 0xff, 0xff, 0xff
	copy(f.source[12:], ip[12:16])
	copy(f.destination[12:], ip[16:20])
	return ip[headerLen:], ip[9], true
}

// addresses6 is the same of IPv6.
func (f *flow) addresses6(ip []byte) (l4 []byte, protocol uint8, ok bool) {
	if len(ip) < ipv6Len {
		return nil, 0, false
	}
	var p packet
	l4, reason := p.walk6(ip)
	copy(f.source[:], ip[8:24])
	copy(f.destination[:], ip[24:40])
	return l4, p.protocol, reason == Accepted
}
