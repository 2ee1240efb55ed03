package pipeline

import (
	"encoding/binary"
	"math/bits"
)

// sipKey is a key of SipHash-1-3 (Aumasson, Bernstein: SipHash, a fast short-input PRF,
// 2012; the 1-3 form is the one that hash tables use).
//
// The message is the client's address and 2 bytes of its port or of the IP identification,
// of which one at most is not 0, in network byte order. A message of at most 7 bytes is one
// block, so an IPv4 client costs four rounds. The bucket is the hash's low 16 bits.
type sipKey struct{ k0, k1 uint64 }

func newSipKey(secret [16]byte) sipKey {
	return sipKey{
		k0: binary.LittleEndian.Uint64(secret[:8]),
		k1: binary.LittleEndian.Uint64(secret[8:]),
	}
}

const (
	sip4Len = 4 + 2  // bytes hashed for an IPv4 client
	sip6Len = 16 + 2 // bytes hashed for an IPv6 client
)

func (k sipKey) bucket4(client uint64) uint16 {
	port := uint16(client>>32 | client>>48)
	return k.start().block(sip4Len<<56 | uint64(port)<<32 | uint64(uint32(client))).finish()
}

func (k sipKey) bucket6(first, last uint64, port uint16) uint16 {
	return k.start().block(first).block(last).block(sip6Len<<56 | uint64(port)).finish()
}

// SipBegun is the hash's state where its first block is to come, with the part of that
// block's round done that no message changes: what the kernel program begins with.
func SipBegun(secret [16]byte) (v0, v1, v2, v3 uint64) {
	s := newSipKey(secret).start().begin()
	return s.v0, s.v1, s.v2, s.v3
}

// sip is SipHash's state between blocks.
type sip struct{ v0, v1, v2, v3 uint64 }

func (k sipKey) start() sip {
	return sip{
		v0: k.k0 ^ 0x736f6d6570736575, // "somepseudorandomlygeneratedbytes",
		v1: k.k1 ^ 0x646f72616e646f6d, // the initial values of the paper
		v2: k.k0 ^ 0x6c7967656e657261,
		v3: k.k1 ^ 0x7465646279746573,
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
