package pipeline

import (
	"encoding/binary"
	"fmt"

	"thresher/config"
)

// VIPSlots is the size of the address table: a power of two, and so many more
// than VIPs that a hash without collisions is found in a few tries.
const VIPSlots = 1 << vipBits

const vipBits = 12

// VIPTable finds a VIP by its IPv4 address in one step: a hash without collisions,
// searched for when the table is built. The kernel program has the same table.
type VIPTable struct {
	// Multiplier is the hash: the slot of an address, as on the wire and loaded
	// little-endian, is the top bits of its product with it.
	Multiplier uint32
	// Slots hold addresses, and VIP numbers plus one; 0 is an empty slot.
	Slots [VIPSlots]VIPSlot
}

// VIPSlot is one slot of a VIPTable.
type VIPSlot struct {
	Addr   uint32
	Number uint32
}

// newVIPTable tries odd multipliers from the golden ratio's on (Knuth, TAOCP
// vol. 3 §6.4). VIPs are the operator's choice, so no secret is needed.
func newVIPTable(vips []config.VIP) (*VIPTable, error) {
	const golden32, tries = 0x9e3779b1, 1 << 16
	for i := range uint32(tries) {
		t := &VIPTable{Multiplier: golden32 + 2*i*golden32}
		if t.fill(vips) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("no hash without collisions for %d IPv4 VIPs", len(vips))
}

func (t *VIPTable) fill(vips []config.VIP) bool {
	for i, v := range vips {
		if !v.Address.Is4() {
			continue
		}
		addr := v.Address.As4()
		key := binary.LittleEndian.Uint32(addr[:])
		slot := &t.Slots[t.slot(key)]
		if slot.Number != 0 {
			return false
		}
		*slot = VIPSlot{Addr: key, Number: uint32(i) + 1}
	}
	return true
}

func (t *VIPTable) slot(addr uint32) uint32 { return addr * t.Multiplier >> (32 - vipBits) }

// find returns the number of the VIP with this address.
func (t *VIPTable) find(addr uint32) (vip int, ok bool) {
	s := &t.Slots[t.slot(addr)]
	return int(s.Number) - 1, s.Number != 0 && s.Addr == addr
}
