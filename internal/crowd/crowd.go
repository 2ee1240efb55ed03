// Package crowd keeps the machines of one place from taking what is there for all:
// it counts by place, and bounds a listener's connections.
package crowd

import "net/netip"

// prefix6 is how much of an IPv6 address counts: a network gives each of its machines
// as many addresses as 64 bits have (RFC 4291, 2.5.1).
const prefix6 = 64

// Of is what is counted in an address's place: an IPv4 address as a whole, of an IPv6
// address the network, in which whoever has one address can have all.
func Of(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.Is6() {
		return a
	}
	network, _ := a.Prefix(prefix6) // of an IPv6 address there is one
	return network.Addr()
}
