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

// IsGroup tells whether the address is one of many stations: its first bit on the
// wire is set (IEEE 802, 8.2.2).
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsZero tells whether it is none.
func (m MAC) IsZero() bool { return m == MAC{} }

// MulticastMAC returns the VMAC of a VIP in multicast mode: 03:bf and the
// address's last four bytes (DESIGN §4). It is a group address, and no maker's,
// since the locally-administered bit is set.
func MulticastMAC(vip netip.Addr) MAC {
	m := FloodMAC(vip)
	m[0], m[1] = 0x03, 0xbf
	return m
}

// IGMPMAC returns the VMAC of a VIP in igmp mode: 01:00:5e:7f and the address's
// last two bytes (DESIGN §4), which is the Ethernet address of groupOf4 (RFC 1112,
// 6.4).
func IGMPMAC(vip netip.Addr) MAC {
	a := vip.AsSlice()
	return MAC{0x01, 0x00, 0x5e, 0x7f, a[len(a)-2], a[len(a)-1]}
}

// mldMAC returns the Ethernet address of groupOf6 (RFC 2464, 7).
func mldMAC(vip netip.Addr) MAC {
	a := vip.AsSlice()
	return MAC{0x33, 0x33, 0xef, 0xff, a[len(a)-2], a[len(a)-1]}
}

// groupOf4 returns the IPv4 group of a VIP in igmp mode: 239.255 and the address's
// last two bytes, of the block for a site's own use (RFC 2365, 6.1).
func groupOf4(vip netip.Addr) netip.Addr {
	a := vip.AsSlice()
	return netip.AddrFrom4([4]byte{239, 255, a[len(a)-2], a[len(a)-1]})
}

// groupOf6 returns the IPv6 group of a VIP in igmp mode, ff15::efff:X:Y where X
// and Y are the address's last two bytes: a transient group of the site's scope
// (RFC 4291, 2.7) with the same last four bytes as groupOf4.
func groupOf6(vip netip.Addr) netip.Addr {
	a := vip.AsSlice()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x15, 12: 239, 13: 255, 14: a[len(a)-2], 15: a[len(a)-1]})
}

// GroupsOf returns the IP groups that nodes join for a VIP: those of mode igmp. The
// IPv4 one is what switches go by that snoop by Ethernet address, also for an IPv6
// VIP, since its VMAC is that group's.
func GroupsOf(v VIP) []netip.Addr {
	switch {
	case v.Mode != IGMP:
		return nil
	case v.Address.Is6() || v.MAC == mldMAC(v.Address):
		return []netip.Addr{groupOf4(v.Address), groupOf6(v.Address)}
	}
	return []netip.Addr{groupOf4(v.Address)}
}

// vmac returns the VMAC of a VIP in a mode; zero where it has none of its own.
func vmac(mode VIPMode, vip netip.Addr) MAC {
	switch mode {
	case Flood:
		return FloodMAC(vip)
	case Multicast:
		return MulticastMAC(vip)
	case IGMP:
		return IGMPMAC(vip)
	}
	return MAC{}
}

// parseMAC reads an Ethernet address that can be the VMAC of a VIP in a mode.
func parseMAC(text string, mode VIPMode, vip netip.Addr) (MAC, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("%q is no Ethernet address", text)
	}
	m := MAC(hw)
	switch {
	case m == MAC{}:
		return MAC{}, fmt.Errorf("%v is the zero address", m)
	case mode == IGMP && m != IGMPMAC(vip) && m != mldMAC(vip):
		return MAC{}, fmt.Errorf("%v is not the address of a group that the nodes join", m)
	case mode == Multicast && !forwardedGroup(m):
		return MAC{}, fmt.Errorf("%v is no group address that every switch forwards", m)
	case mode == Flood && m.IsGroup():
		return MAC{}, fmt.Errorf("%v is a group address", m)
	}
	return m, nil
}

// forwardedGroup tells whether switches forward frames to a group address: not
// those of IEEE 802.1Q (table 8-1), and not the one of everybody, which is ARP's.
func forwardedGroup(m MAC) bool {
	reserved := [5]byte(m[:5]) == [5]byte{0x01, 0x80, 0xc2, 0x00, 0x00} && m[5] < 0x10
	return m.IsGroup() && !reserved && m != MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}
