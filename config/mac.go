package config

import "net"

// MAC is an Ethernet address. Unlike net.HardwareAddr it is a plain value:
// comparable, and a map key.
type MAC [6]byte

// String writes the address as six hexadecimal pairs with colons.
func (m MAC) String() string { return m.HardwareAddr().String() }

// HardwareAddr returns the address as the standard library's slice type. The
// slice is the caller's own.
func (m MAC) HardwareAddr() net.HardwareAddr { return net.HardwareAddr(m[:]) }
