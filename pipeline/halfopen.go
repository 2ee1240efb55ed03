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
// server.
func NewHalfOpen(n int, handshakes func(yield func(client, server netip.AddrPort) bool)) HalfOpen {
	set := make(HalfOpen, n)
	for client, server := range handshakes {
		f := flow{source: client.Addr().As16(), destination: server.Addr().As16()}
		binary.BigEndian.PutUint16(f.ports[:], client.Port())
		binary.BigEndian.PutUint16(f.ports[2:], server.Port())
		set[f] = struct{}{}
	}
	return set
}

func (h HalfOpen) has(f flow) bool {
	_, ok := h[f]
	return ok
}
