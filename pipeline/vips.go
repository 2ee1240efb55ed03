package pipeline

import (
	"encoding/binary"

	"thresher/config"
)

// vipSlots is the size of the address table: four times the VIPs that a farm
// may have, so that a look-up rarely takes a second step.
const vipSlots = 4 * config.MaxVIPs

// vipTable finds a VIP by its address: open addressing, linear probing, fixed
// size, no pointers.
type vipTable struct {
	slots [vipSlots]vipSlot
	macs  []config.MAC // by VIP number, the order of the configuration
}

type vipSlot struct {
	addr uint32 // as on the wire, loaded little-endian
	used bool
	vip  uint8
}

func newVIPTable(vips []config.VIP) *vipTable {
	t := &vipTable{}
	for i, v := range vips {
		addr := v.Address.As4()
		key := binary.LittleEndian.Uint32(addr[:])
		slot := vipHash(key)
		for t.slots[slot].used {
			slot = (slot + 1) % vipSlots
		}
		t.slots[slot] = vipSlot{addr: key, used: true, vip: uint8(i)}
		t.macs = append(t.macs, v.MAC)
	}
	return t
}

// vipHash spreads addresses over the slots by Fibonacci hashing (Knuth, TAOCP
// vol. 3 §6.4). VIPs are the operator's choice, so no secret is needed.
func vipHash(addr uint32) uint32 {
	const golden32 = 0x9e3779b1
	return addr * golden32 >> 24 % vipSlots
}

// find returns the number of the VIP with this address.
func (t *vipTable) find(addr uint32) (vip int, ok bool) {
	for slot := vipHash(addr); t.slots[slot].used; slot = (slot + 1) % vipSlots {
		if t.slots[slot].addr == addr {
			return int(t.slots[slot].vip), true
		}
	}
	return 0, false
}

// isVMAC tells whether a frame's destination is the VMAC of any VIP.
func (t *vipTable) isVMAC(frame []byte) bool {
	for i := range t.macs {
		if [6]byte(frame[:6]) == t.macs[i] {
			return true
		}
	}
	return false
}
