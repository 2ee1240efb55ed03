package config

import (
	"fmt"
	"net"
	"net/netip"
)

// MAC is an Ethernet address. Unlike net.HardwareAddr it is a plain value:
// comparable, and a map key.
type MAC [6]byte

// String writes the address as six hexadecimal pairs with colons.
func (m MAC) String() string { return m.HardwareAddr().String() }

// HardwareAddr returns the address as the standard library's slice type. The
// slice is the caller's own.
func (m MAC) HardwareAddr() net.HardwareAddr { return net.HardwareAddr(m[:]) }

// FloodMAC returns the VMAC of a VIP in flood mode: 5a:fe and the address's
// last four bytes (DESIGN §4). The address must be valid.
//
// 5a has the locally-administered bit set and the group bit clear (IEEE 802,
// 8.2.2), so no maker has assigned the address and it is unicast.
func FloodMAC(vip netip.Addr) MAC {
	m := MAC{0x5a, 0xfe}
	a := vip.AsSlice()
	copy(m[2:], a[len(a)-4:])
	return m
}

// parseMAC reads an Ethernet address that can be a VMAC.
func parseMAC(text string) (MAC, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("%q is no Ethernet address", text)
	}
	m := MAC(hw)
	switch {
	case m == MAC{}:
		return MAC{}, fmt.Errorf("%v is the zero address", m)
	case m[0]&1 != 0: // the group bit
		return MAC{}, fmt.Errorf("%v is a group address", m)
	}
	return m, nil
}
