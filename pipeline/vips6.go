package pipeline

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"

	"thresher/config"
)

// VIPSlots6 is the size of the table of IPv6 addresses, a power of two. A slot is
// three times as long as one of IPv4, so there are fewer, and more tries.
const VIPSlots6 = 1 << vipBits6

const vipBits6 = 10

// VIPFold joins the two halves of an address before it is hashed: an odd number
// whose multiples are far apart, so that halves that differ in the same places, as
// those of neighbouring VIPs do, do not cancel out.
const VIPFold = 0x9e3779b97f4a7c15

// Fold6 joins the halves of an address. They are taken as numbers, most significant
// byte first: what differs in an operator's VIPs is at the end of a half, and a
// product carries it upwards alone.
func Fold6(lo, hi uint64) uint64 {
	return bits.ReverseBytes64(lo)*VIPFold + bits.ReverseBytes64(hi)
}

// VIPTable6 is VIPTable for IPv6.
type VIPTable6 struct {
	// Multiplier is the hash: the slot of an address is the top bits of the product
	// of its fold with it.
	Multiplier uint64
	// Slots hold addresses, and VIP numbers plus one; 0 is an empty slot.
	Slots [VIPSlots6]VIPSlot6
}

// VIPSlot6 is one slot of a VIPTable6; the address as on the wire, loaded
// little-endian.
type VIPSlot6 struct {
	Lo, Hi uint64
	Number uint32
}

// newVIPTable6 tries as newVIPTable does.
func newVIPTable6(vips []config.VIP) (*VIPTable6, error) {
	const tries = 1 << 12
	for i := range uint64(tries) {
		t := &VIPTable6{Multiplier: VIPFold + 2*i*VIPFold}
		if t.fill(vips) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("no hash without collisions for %d IPv6 VIPs", len(vips))
}

func (t *VIPTable6) fill(vips []config.VIP) bool {
	for i, v := range vips {
		if !v.Address.Is6() {
			continue
		}
		addr := v.Address.As16()
		lo, hi := address6(addr[:])
		slot := &t.Slots[t.slot(lo, hi)]
		if slot.Number != 0 {
			return false
		}
		*slot = VIPSlot6{Lo: lo, Hi: hi, Number: uint32(i) + 1}
	}
	return true
}

func (t *VIPTable6) slot(lo, hi uint64) uint64 {
	return Fold6(lo, hi) * t.Multiplier >> (64 - vipBits6)
}

// find returns the number of the VIP with this address.
func (t *VIPTable6) find(lo, hi uint64) (vip int, ok bool) {
	s := &t.Slots[t.slot(lo, hi)]
	return int(s.Number) - 1, s.Number != 0 && s.Lo == lo && s.Hi == hi
}

// vip returns the number of the VIP with an address, which is not mapped.
func (r *Rules) vip(addr netip.Addr) (vip int, ok bool) {
	switch {
	case addr.Is4():
		a := addr.As4()
		return r.VIPs.find(binary.LittleEndian.Uint32(a[:]))
	case addr.Is6():
		a := addr.As16()
		return r.VIPs6.find(address6(a[:]))
	}
	return 0, false
}
