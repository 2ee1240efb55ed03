package farm

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/config"
)

// IPv6 in the differential test.

var farIPv6 = netip.MustParseAddr("2001:db8:f::7")

// ipv6VIP is one of two networks', so that neighbouring VIPs differ in either half.
func ipv6VIP(random *rand.Rand, i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 7: byte(random.IntN(2)), 15: byte(random.IntN(4) + 4*i)})
}

func isIPv6(frame []byte) bool {
	return len(frame) > 14 && binary.BigEndian.Uint16(frame[12:]) == uint16(layers.EthernetTypeIPv6)
}

// packet6 is a packet to a VIP, with extension headers or without.
func (s *frameSource) packet6(vip config.VIP) []gopacket.SerializableLayer {
	ip := &layers.IPv6{Version: 6, HopLimit: 64, SrcIP: s.source6(vip).AsSlice(), DstIP: vip.Address.AsSlice()}
	var protocol layers.IPProtocol
	rest := s.transport(ip, &protocol)
	chain := []gopacket.SerializableLayer{ip}
	next := &ip.NextHeader
	if s.random.IntN(3) == 0 {
		for n := range s.random.IntN(9) {
			header, kind := s.extension(n)
			*next, next = kind, (*layers.IPProtocol)(&header[0])
			chain = append(chain, header)
		}
	}
	*next = protocol
	return append(chain, rest...)
}

// source6 is a client's address, or one that none can have.
func (s *frameSource) source6(vip config.VIP) netip.Addr {
	odd := []netip.Addr{
		netip.IPv6Unspecified(), netip.IPv6Loopback(), netip.MustParseAddr("ff02::1"), netip.MustParseAddr("::ffff:203.0.113.7"),
		vip.Address, netip.MustParseAddr("fe80::1"), netip.MustParseAddr("::203.0.113.7"),
	}
	if i := s.random.IntN(8 * len(odd)); i < len(odd) {
		return odd[i]
	}
	return farIPv6
}

// extension is an extension header at the nth place, most of them in order. The
// first byte is for the next one.
func (s *frameSource) extension(n int) (header gopacket.Payload, kind layers.IPProtocol) {
	kinds := []layers.IPProtocol{
		layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination, layers.IPProtocolIPv6Routing,
		layers.IPProtocolAH, layers.IPProtocolIPv6Fragment,
	}
	kind = kinds[s.random.IntN(len(kinds))]
	if n > 0 && kind == layers.IPProtocolIPv6HopByHop && s.random.IntN(8) > 0 {
		kind = layers.IPProtocolIPv6Destination
	}
	units := s.random.IntN(4)
	header = make(gopacket.Payload, 8+8*units)
	header[1] = byte(units)
	switch kind {
	case layers.IPProtocolAH:
		header[1] = byte(2 * units)
	case layers.IPProtocolIPv6Routing:
		header[3] = byte(max(0, s.random.IntN(8)-6)) // segments left
	case layers.IPProtocolIPv6Fragment:
		header = header[:8]
		if s.random.IntN(2) == 0 {
			binary.BigEndian.PutUint16(header[2:], []uint16{1, uint16(s.random.Uint32())}[s.random.IntN(2)])
		}
	}
	return header, kind
}

// carriedIn6 is carriedIn for a packet over IPv6: what follows is found by the
// lengths of all headers before, as RFC 8200 §4 has them.
func carriedIn6(ip []byte) (source, destination netip.Addr, protocol byte, l4 []byte) {
	if len(ip) < 40 || ip[0]>>4 != 6 || 40+int(binary.BigEndian.Uint16(ip[4:])) > len(ip) {
		return source, destination, 0, nil
	}
	source, destination = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
	end := 40 + int(binary.BigEndian.Uint16(ip[4:]))
	protocol = ip[6]
	at := 40
	for n := 0; ; n++ {
		length := extensionLength(protocol, ip[at:end])
		switch {
		case length < 0:
			return source, destination, protocol, ip[at:]
		case length == 0 || n == 6 || protocol == 0 && n > 0 || at+length > end:
			return source, destination, 0, nil
		}
		protocol, at = ip[at], at+length
	}
}

// extensionLength is that of an extension header in bytes: 0 if what follows it
// cannot be told, -1 if it is none.
func extensionLength(kind byte, b []byte) int {
	switch kind {
	case 0, 43, 44, 51, 60:
	default:
		return -1
	}
	switch {
	case len(b) < 8:
		return 0
	case kind == 43 && b[3] > 0, kind == 44 && binary.BigEndian.Uint16(b[2:])>>3 != 0:
		return 0
	case kind == 44:
		return 8
	case kind == 51:
		return 4 * (int(b[1]) + 2)
	}
	return 8 * (int(b[1]) + 1)
}
