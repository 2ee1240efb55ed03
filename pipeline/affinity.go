package pipeline

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"thresher/config"
)

// Hashed is what of a packet is hashed to its bucket, by its rule's affinity: masks, all
// as on the wire, loaded little-endian. At most one of port and identification counts.
// The kernel program has the same masks.
type Hashed struct {
	// Mask4 is of an IPv4 client, its address, port and IP identification, as client4
	// has them.
	Mask4 uint64
	// Mask6 and Port6 are of an IPv6 client: of its address's first eight bytes and of
	// the last, and of its port.
	Mask6 [2]uint64
	Port6 uint16
}

func hashedOf(r config.Rule) Hashed {
	h := Hashed{Mask4: client4(^uint32(0), 0, 0), Mask6: [2]uint64{^uint64(0), ^uint64(0)}}
	switch r.Affinity {
	case config.Session:
		h.Mask4, h.Port6 = client4(^uint32(0), 0xffff, 0), 0xffff
	case config.Packet:
		h.Mask4 = client4(^uint32(0), 0, 0xffff)
	case config.Network:
		// A shift by 64 and more leaves nothing (Go specification, operators).
		h.Mask4 = client4(bits.ReverseBytes32(^uint32(0)<<(32-min(uint(r.Prefix4), 32))), 0, 0)
		first, last := min(uint(r.Prefix6), 64), max(min(uint(r.Prefix6), 128), 64)-64
		h.Mask6 = [2]uint64{bits.ReverseBytes64(^uint64(0) << (64 - first)), bits.ReverseBytes64(^uint64(0) << (64 - last))}
	}
	return h
}

// byID tells whether the IP identification is hashed.
func (h *Hashed) byID() bool { return h.Mask4>>48 != 0 }

// Client is who a client is to a rule: its address or, with affinity network, its
// network's first.
func (r *Rules) Client(addr netip.Addr, rule int) netip.Addr {
	h := &r.Hashed[rule]
	if addr = addr.Unmap(); addr.Is4() {
		a := addr.As4()
		binary.LittleEndian.PutUint32(a[:], binary.LittleEndian.Uint32(a[:])&uint32(h.Mask4))
		return netip.AddrFrom4(a)
	}
	a := addr.As16()
	binary.LittleEndian.PutUint64(a[:8], binary.LittleEndian.Uint64(a[:8])&h.Mask6[0])
	binary.LittleEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(a[8:])&h.Mask6[1])
	return netip.AddrFrom16(a)
}
