package wire

import (
	"encoding/binary"
	"net/netip"

	"thresher/config"
)

const (
	// EtherType marks reports, and probes once the kernel program has seen them.
	EtherType = 0x88B6
	// Protocol is the IP protocol of probes.
	Protocol = 253
)

// Sizes and offsets in bytes (IEEE 802.3 §3.1, RFC 791 §3.1, RFC 8200 §3).
const (
	headerLen = 14
	ipv4Len   = 20
	ipv6Len   = 40

	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd
)

// everybody is the broadcast address.
var everybody = config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func appendHeader(b []byte, to, from config.MAC, etherType uint16) []byte {
	b = append(append(b, to[:]...), from[:]...)
	return binary.BigEndian.AppendUint16(b, etherType)
}

// appendProbe makes a frame for the VMAC out of a sealed probe. from is an address
// of the interface of the VIP's family, or unspecified if it has none.
func appendProbe(b []byte, vip config.VIP, nic config.MAC, from netip.Addr, sealed []byte) []byte {
	if vip.Address.Is4() {
		b = appendHeader(b, vip.MAC, nic, etherTypeIPv4)
		return append(appendIPv4(b, from, vip.Address, len(sealed)), sealed...)
	}
	b = appendHeader(b, vip.MAC, nic, etherTypeIPv6)
	return append(appendIPv6(b, from, vip.Address, len(sealed)), sealed...)
}

// hops is how far a probe may go: it never leaves the segment.
const hops = 1

func appendIPv4(b []byte, from, to netip.Addr, payload int) []byte {
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Len+payload))
	b = append(b, 0, 0, 0x40, 0, hops, Protocol, 0, 0) // whole, never to be fragmented
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(b[at+10:], checksum(b[at:]))
	return b
}

func appendIPv6(b []byte, from, to netip.Addr, payload int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(payload))
	b = append(b, Protocol, hops)
	return append(append(b, from.AsSlice()...), to.AsSlice()...)
}

// checksum is the Internet's (RFC 1071) of an even number of bytes.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// frame is one that was received.
type frame struct {
	from   config.MAC
	vip    netip.Addr // of a probe's IP packet; not valid for a report
	sealed []byte
}

// parse takes a frame apart: one with the EtherType, or a probe's as it was sent.
// What follows the packet is Ethernet's padding.
func parse(b []byte) (f frame, ok bool) {
	if len(b) <= headerLen {
		return f, false
	}
	f.from = config.MAC(b[6:12])
	body := b[headerLen:]
	switch body[0] >> 4 {
	case 4:
		return f, f.parse4(body)
	case 6:
		return f, f.parse6(body)
	}
	f.sealed = body
	return f, binary.BigEndian.Uint16(b[12:]) == EtherType
}

func (f *frame) parse4(ip []byte) bool {
	if len(ip) < ipv4Len || ip[0] != 0x45 || ip[9] != Protocol {
		return false
	}
	end := int(binary.BigEndian.Uint16(ip[2:]))
	if end < ipv4Len || end > len(ip) {
		return false
	}
	f.vip, f.sealed = netip.AddrFrom4([4]byte(ip[16:])), ip[ipv4Len:end]
	return true
}

func (f *frame) parse6(ip []byte) bool {
	if len(ip) < ipv6Len || ip[6] != Protocol {
		return false
	}
	end := ipv6Len + int(binary.BigEndian.Uint16(ip[4:]))
	if end > len(ip) {
		return false
	}
	f.vip, f.sealed = netip.AddrFrom16([16]byte(ip[24:])), ip[ipv6Len:end]
	return true
}
