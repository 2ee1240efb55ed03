package pipeline

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"thresher/config"
)

// Buckets is how many slots the clients of a rule hash into (DESIGN §1).
const Buckets = 1 << 16

// hasher puts clients into buckets under one key, by the function of that key
// (docs/decisions/0003-bucket-hash.md).
//
// What is hashed is the client's address in network byte order, 4 or 16 bytes, of which
// affinity network leaves the prefix alone and zeroes behind it; then the client's port
// with affinity session, the IP identification with affinity packet over IPv4, else 0
// (Hashed).
type hasher struct {
	function config.HashFunction
	sip      sipKey
	linear   Multilinear
}

func newHasher(key config.HashKey) hasher {
	return hasher{function: key.Function, sip: newSipKey(key.Secret), linear: NewMultilinear(key.Secret)}
}

// client4 is an IPv4 client as one number, all of it as on the wire and loaded
// little-endian: the address, the port, the IP identification.
func client4(addr uint32, port, id uint16) uint64 {
	return uint64(addr) | uint64(port)<<32 | uint64(id)<<48
}

// bucket4 is the bucket of an IPv4 client, of which client4 is masked already.
func (h *hasher) bucket4(client uint64) uint16 {
	if h.function == config.Multilinear {
		return h.linear.bucket4(client)
	}
	return h.sip.bucket4(client)
}

// bucket6 is the bucket of an IPv6 client: the first eight bytes of its address, the last
// eight, and its port.
func (h *hasher) bucket6(first, last uint64, port uint16) uint16 {
	if h.function == config.Multilinear {
		return h.linear.bucket6(first, last, port)
	}
	return h.sip.bucket6(first, last, port)
}

// bucket is bucket4 or bucket6 for an address outside a packet.
func (h *hasher) bucket(addr netip.Addr, port uint16) uint16 {
	wirePort := bits.ReverseBytes16(port)
	if addr = addr.Unmap(); addr.Is4() {
		a := addr.As4()
		return h.bucket4(client4(binary.LittleEndian.Uint32(a[:]), wirePort, 0))
	}
	a := addr.As16()
	return h.bucket6(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:]), wirePort)
}
