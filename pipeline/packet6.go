package pipeline

import "encoding/binary"

// Extension headers that are read over on the way to the transport header. What
// else may follow the IPv6 header is a protocol that rules cannot name. Source:
// RFC 8200 §4, RFC 4302.
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAuth        = 51
	extDestination = 60
)

// extMinLen is the length of the shortest extension header, in bytes.
const extMinLen = 8

// maxExtensions is how many extension headers a packet may have: each once and
// the destination options twice (RFC 8200 §4.1). The kernel program has the same
// bound.
const maxExtensions = 6

// fragmentPart are the bits of a fragment header that only a part of a packet
// has: offset and More Fragments. A header without them is on a whole packet (an
// atomic fragment, RFC 6946).
const fragmentPart = 0xfff9

// fragmentOffset is the offset alone: that of a first part is 0.
const fragmentOffset = 0xfff8

// address6 is an IPv6 address's first eight bytes and its last, as on the wire,
// loaded little-endian.
func address6(b []byte) (lo, hi uint64) {
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// walk6 goes from the IPv6 header, which is whole, to what the packet carries, and
// sets its protocol. It returns Accepted, or why the headers cannot be read.
func (p *packet) walk6(ip []byte) (payload []byte, reason Reason) {
	p.six, p.protocol = true, ip[6]
	end := ipv6Len + int(binary.BigEndian.Uint16(ip[4:]))
	if ip[0]>>4 != 6 || end > len(ip) {
		return nil, Malformed
	}
	b := ip[ipv6Len:end]
	for n := 0; ; n++ {
		length, reason := p.extension(b, n)
		if length == 0 {
			return b, reason
		}
		p.protocol, b = b[0], b[length:]
	}
}

// extension returns the length of the extension header that b begins with, the
// nth; 0 if there is none or the walk ends with it.
func (p *packet) extension(b []byte, n int) (length int, reason Reason) {
	switch p.protocol {
	case extHopByHop, extRouting, extFragment, extAuth, extDestination:
	default:
		return 0, Accepted
	}
	if n == maxExtensions || len(b) < extMinLen {
		return 0, Malformed
	}
	length = 8 + 8*int(b[1])
	switch {
	case p.protocol == extHopByHop && n > 0: // only ever the first (RFC 8200 §4.1)
		return 0, Malformed
	case p.protocol == extRouting && b[3] > 0:
		// Segments are left: it is on its way to somewhere else.
		return 0, OtherProtocol
	case p.protocol == extFragment && p.isPart(binary.BigEndian.Uint16(b[2:])):
		return 0, Fragment
	case p.protocol == extFragment:
		length = extMinLen
	case p.protocol == extAuth: // in units of four bytes, less two (RFC 4302 §2.2)
		length = 8 + 4*int(b[1])
	}
	if length > len(b) {
		return 0, Malformed
	}
	return length, Accepted
}

// isPart tells whether the field of a fragment header makes its packet one that is
// not judged here.
func (p *packet) isPart(field uint16) bool {
	return field&fragmentPart != 0 && (!p.first || field&fragmentOffset != 0)
}

// parse6 reads a packet that walk6 has walked through, with its result. It returns
// Accepted if the packet is of a kind that rules can place, else why it is not.
func (p *packet) parse6(ip, payload []byte, walked Reason) Reason {
	if walked == Malformed {
		return Malformed
	}
	p.src6[0], p.src6[1] = address6(ip[8:])
	if lo, hi := address6(ip[24:]); p.martian6(lo, hi) {
		return Martian
	}
	if walked != Accepted {
		return walked
	}
	return p.parseTransport(payload)
}

// martian6 tells whether an IPv6 source address is one that no client can have:
// unspecified, loopback, multicast, an IPv4 address in IPv6's form (RFC 4291 §2.5,
// RFC 6890), or the destination itself.
func (p *packet) martian6(lo, hi uint64) bool {
	const (
		loopback  = 1 << 56    // ::1, as loaded
		mapped    = 0xffff0000 // ::ffff:0:0/96
		multicast = 0xff
	)
	src := &p.src6
	return src[0] == 0 && (src[1] == 0 || src[1] == loopback || uint32(src[1]) == mapped) ||
		uint8(src[0]) == multicast || src[0] == lo && src[1] == hi
}
