package pipeline

import "encoding/binary"

// datagram names a fragmented datagram (RFC 791 §3.2, RFC 8200 §4.5). IPv4
// addresses are as IPv6 has them (RFC 4291 §2.5.5.2).
type datagram struct {
	source, destination [16]byte
	id                  uint32
	protocol            uint8 // of IPv4 alone
}

// part is what is read of a fragment.
type part struct {
	datagram datagram
	// first says that it is the part that begins with the transport header.
	first bool
}

// maxDatagram is the length that the parts of a datagram may come to (RFC 791
// §3.1, RFC 8200 §4.5): more is a "ping of death".
const maxDatagram = 65535

// tinyOffset is the offset, in units of eight bytes, that no sender's second
// fragment of TCP over IPv4 has, since the header is longer: it would write over
// the flags that the first one was judged by (RFC 1858 §3). The parts of a packet
// over IPv6 must not overlap (RFC 5722), and the stack drops it if they do.
const tinyOffset = 1

// partIn reads a fragment; false if its header is damaged, or it is one that is
// only sent to get past a filter. What is checked before (Judge) is not again.
func partIn(frame []byte) (p part, ok bool) {
	if len(frame) < ethernetLen {
		return p, false
	}
	switch ip := frame[ethernetLen:]; binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		ok = p.read4(ip)
	case etherTypeIPv6:
		ok = p.read6(ip)
	}
	return p, ok
}

func (p *part) read4(ip []byte) bool {
	if len(ip) < ipv4MinLen {
		return false
	}
	headerLen, totalLen := int(ip[0]&0x0f)*4, int(binary.BigEndian.Uint16(ip[2:]))
	if headerLen < ipv4MinLen || totalLen < headerLen || totalLen > len(ip) || !wholeHeader4(ip[:headerLen]) {
		return false
	}
	offset := int(binary.BigEndian.Uint16(ip[6:]) & offsetMask4)
	if offset*8+totalLen > maxDatagram || offset == tinyOffset && ip[9] == protocolTCP {
		return false
	}
	p.first = offset == 0
	d := &p.datagram
	d.id, d.protocol = uint32(binary.BigEndian.Uint16(ip[4:])), ip[9]
	as6(&d.source, ip[12:])
	as6(&d.destination, ip[16:])
	return true
}

// read6 finds the fragment header, which comes after headers for the way only
// (RFC 8200 §4.5).
func (p *part) read6(ip []byte) bool {
	if len(ip) < ipv6Len {
		return false
	}
	end := ipv6Len + int(binary.BigEndian.Uint16(ip[4:]))
	if end > len(ip) {
		return false
	}
	on := packet{six: true, protocol: ip[6]}
	b := ip[ipv6Len:end]
	for n := 0; on.protocol != extFragment || len(b) < extMinLen; n++ {
		length, _ := on.extension(b, n)
		if length == 0 {
			return false
		}
		on.protocol, b = b[0], b[length:]
	}
	offset := int(binary.BigEndian.Uint16(b[2:]) & fragmentOffset)
	if offset+len(b)-extMinLen > maxDatagram {
		return false
	}
	p.first = offset == 0
	p.datagram.id = binary.BigEndian.Uint32(b[4:])
	copy(p.datagram.source[:], ip[8:24])
	copy(p.datagram.destination[:], ip[24:40])
	return true
}

// as6 writes an IPv4 address as IPv6 has it.
func as6(to *[16]byte, from []byte) {
	to[10], to[11] = 0xff, 0xff
	copy(to[12:], from[:4])
}

// wholeHeader4 tells whether an IPv4 header's checksum is right (RFC 1071). What
// changes the state of this program must have one that is: the stack refuses the
// packet else, and the state would be wrong about it.
func wholeHeader4(header []byte) bool {
	var sum uint32
	for i := 0; i+1 < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff
}
