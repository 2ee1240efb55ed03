package pipeline

import (
	"encoding/binary"
	"net/netip"
)

// HalfOpen are the TCP handshakes that other nodes have half done, and the UDP
// flows that they forward: what their clients send is left to those. The two are
// not told apart. It is never changed after NewHalfOpen.
type HalfOpen map[flow]struct{}

// NewHalfOpen returns the set of some handshakes, each given by client and
// server. Those over IPv6 are left out, since no VIP is one yet.
func NewHalfOpen(n int, handshakes func(yield func(client, server netip.AddrPort) bool)) HalfOpen {
	set := make(HalfOpen, n)
	for client, server := range handshakes {
		c, s := client.Addr().Unmap(), server.Addr().Unmap()
		if !c.Is4() || !s.Is4() {
			continue
		}
		var f flow
		source, destination := c.As4(), s.As4()
		copy(f[:4], source[:])
		copy(f[4:8], destination[:])
		binary.BigEndian.PutUint16(f[8:], client.Port())
		binary.BigEndian.PutUint16(f[10:], server.Port())
		set[f] = struct{}{}
	}
	return set
}

func (h HalfOpen) has(f flow) bool {
	_, ok := h[f]
	return ok
}
