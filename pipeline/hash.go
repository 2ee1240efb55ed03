package pipeline

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Buckets is how many slots the clients of a rule hash into (DESIGN §1).
const Buckets = 1 << 16

// HashKey is the secret of the bucket hash. With it unknown, a client cannot
// choose a source address or port that lands on a node of its choice.
type HashKey [16]byte

// Begun is the hash's state where its first block is to come, with the part of that
// block's round done that no message changes: what the kernel program begins with.
func (k HashKey) Begun() (v0, v1, v2, v3 uint64) {
	s := newHasher(k).start().begin()
	return s.v0, s.v1, s.v2, s.v3
}

// hasher is SipHash-1-3 under one key (Aumasson, Bernstein: SipHash, a fast
// short-input PRF, 2012; the 1-3 form is the one that hash tables use).
//
// The message is the client's address in network byte order, 4 or 16 bytes, of which
// affinity network leaves the prefix alone and zeroes behind it; then 2 bytes in network
// byte order: the client's port with affinity session, the IP identification with affinity
// packet over IPv4, else 0 (Hashed). A message of at most 7 bytes is one SipHash block, so
// an IPv4 client costs four rounds.
type hasher struct{ k0, k1 uint64 }

func newHasher(key HashKey) hasher {
	return hasher{
		k0: binary.LittleEndian.Uint64(key[:8]),
		k1: binary.LittleEndian.Uint64(key[8:]),
	}
}

const (
	sip4Len = 4 + 2  // bytes hashed for an IPv4 client
	sip6Len = 16 + 2 // bytes hashed for an IPv6 client
)

// bucket4 is the bucket of an IPv4 client by an address and a port, or what stands in its
// place, that are masked already, and as on the wire, loaded little-endian.
func (h hasher) bucket4(addr uint32, port uint16) uint16 {
	return h.start().block(sip4Len<<56 | uint64(port)<<32 | uint64(addr)).finish()
}

// bucket6 is bucket4 of an IPv6 client; lo is the address's first eight bytes, hi its
// last.
func (h hasher) bucket6(lo, hi uint64, port uint16) uint16 {
	return h.start().block(lo).block(hi).block(sip6Len<<56 | uint64(port)).finish()
}

// bucket is bucket4 or bucket6 for an address outside a packet.
func (h hasher) bucket(addr netip.Addr, port uint16) uint16 {
	wirePort := bits.ReverseBytes16(port)
	if addr = addr.Unmap(); addr.Is4() {
		a := addr.As4()
		return h.bucket4(binary.LittleEndian.Uint32(a[:]), wirePort)
	}
	a := addr.As16()
	return h.bucket6(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:]), wirePort)
}

// sip is SipHash's state between blocks.
type sip struct{ v0, v1, v2, v3 uint64 }

func (h hasher) start() sip {
	return sip{
		v0: h.k0 ^ 0x736f6d6570736575, // "somepseudorandomlygeneratedbytes",
		v1: h.k1 ^ 0x646f72616e646f6d, // the initial values of the paper
		v2: h.k0 ^ 0x6c7967656e657261,
		v3: h.k1 ^ 0x7465646279746573,
	}
}

// block takes in eight bytes.
func (s sip) block(m uint64) sip {
	s.v3 ^= m
	s = s.begin().end()
	s.v0 ^= m
	return s
}

// finish ends the hash; the bucket is its low 16 bits.
func (s sip) finish() uint16 {
	s.v2 ^= 0xff
	for range 3 {
		s = s.begin().end()
	}
	return uint16(s.v0 ^ s.v1 ^ s.v2 ^ s.v3)
}

// begin is the part of a round that the block does not change that was added last. It
// and end, which follows, are small enough to be compiled into their callers: there the
// state stays in registers.
func (s sip) begin() sip {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	return s
}

func (s sip) end() sip {
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
	return s
}
