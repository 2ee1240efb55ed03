package pipeline

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"thresher/config"
)

// Hashed is what of a packet is hashed to its bucket, by its rule's affinity: a
// mask for each field, all as on the wire, loaded little-endian. At most one of
// port and identification counts, so that both have the hash's one place for it.
// The kernel program has the same masks.
type Hashed struct {
	// Mask4 and Mask6 are the client's address's; of the latter, the first eight
	// bytes and the last.
	Mask4 uint32
	Mask6 [2]uint64
	// Port is the client's port's, ID the IP identification's, which IPv4 alone has.
	Port, ID uint16
}

func hashedOf(r config.Rule) Hashed {
	h := Hashed{Mask4: ^uint32(0), Mask6: [2]uint64{^uint64(0), ^uint64(0)}}
	switch r.Affinity {
	case config.Session:
		h.Port = 0xffff
	case config.Packet:
		h.ID = 0xffff
	case config.Network:
		// A shift by 64 and more leaves nothing (Go specification, operators).
		h.Mask4 = bits.ReverseBytes32(^uint32(0) << (32 - min(uint(r.Prefix4), 32)))
		first, last := min(uint(r.Prefix6), 64), max(min(uint(r.Prefix6), 128), 64)-64
		h.Mask6 = [2]uint64{bits.ReverseBytes64(^uint64(0) << (64 - first)), bits.ReverseBytes64(^uint64(0) << (64 - last))}
	}
	return h
}

// Client is who a client is to a rule: its address or, with affinity network, its
// network's first.
func (r *Rules) Client(addr netip.Addr, rule int) netip.Addr {
	h := &r.Hashed[rule]
	if addr = addr.Unmap(); addr.Is4() {
		a := addr.As4()
		binary.LittleEndian.PutUint32(a[:], binary.LittleEndian.Uint32(a[:])&h.Mask4)
		return netip.AddrFrom4(a)
	}
	a := addr.As16()
	binary.LittleEndian.PutUint64(a[:8], binary.LittleEndian.Uint64(a[:8])&h.Mask6[0])
	binary.LittleEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(a[8:])&h.Mask6[1])
	return netip.AddrFrom16(a)
}
