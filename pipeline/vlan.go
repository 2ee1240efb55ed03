package pipeline

import "encoding/binary"

// vlanLen is the length of an IEEE 802.1Q tag, in bytes; vlanID is what of its
// second half names a VLAN.
const (
	vlanLen = 4
	vlanID  = 0x0fff
)

// judgeTagged judges a frame with a VLAN tag. VLAN 0 is none: such a tag has a
// priority alone, and the frame is the untagged network's (IEEE 802.1Q §6.9). Any
// other is of another network, which may well have the same addresses. Two tags
// are left alone. The kernel program takes the tag off before it hands the frame
// over or lets it in.
func (t *Table) judgeTagged(frame []byte, facts Facts, lease Lease) Reason {
	const header = ethernetLen + vlanLen
	if len(frame) < header || binary.BigEndian.Uint16(frame[14:])&vlanID != 0 {
		return Other
	}
	switch binary.BigEndian.Uint16(frame[16:]) {
	case etherTypeIPv4:
		return t.judge4(frame, frame[header:], facts, lease, false)
	case etherTypeIPv6:
		return t.judge6(frame, frame[header:], facts, lease, false)
	case etherTypeARP:
		return t.judgeARP(frame, header)
	}
	return Other
}
