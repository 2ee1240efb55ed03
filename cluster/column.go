package cluster

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// Buckets is how many slots a rule's clients hash into (DESIGN §1).
const Buckets = 65536

// logFraction is the number of fraction bits of a column's fixed-point numbers.
// -log2(u) is at most 64 for a 64-bit u, so 6 bits before the point and 26
// behind it fill 32 bits.
const logFraction = 26

// column holds one node's draw in every bucket: -log2(u) in fixed point, where
// u is evenly spread over (0,1) and depends on the node's name and the bucket
// only. So a column never changes, and weights and other nodes come in only by
// comparison.
type column [Buckets]uint32

// newColumn computes the column of the node with the given name.
//
// The name goes through SHA-256 once, so that names that differ in one letter
// start from unrelated seeds. Each bucket then takes one step of SplitMix64
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA
// 2014), whose finaliser alone would do to decorrelate neighbouring buckets and
// costs two multiplications.
func newColumn(name string) *column {
	sum := sha256.Sum256([]byte(name))
	seed := binary.BigEndian.Uint64(sum[:])
	c := new(column)
	for b := range c {
		seed += 0x9e3779b97f4a7c15 // 2^64 / golden ratio, odd
		c[b] = negLog2(mix64(seed))
	}
	return c
}

// mix64 is SplitMix64's finaliser: a bijection in which every input bit changes
// every output bit with probability about one half.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// negLog2 returns -log2(h / 2^64) in fixed point with logFraction bits behind
// the point, at least 1 and at most 2^32-1. h = 0 counts as 1.
//
// Integers only, because a floating-point logarithm is not the same on every
// processor and with every compiler. The fraction comes bit by bit: squaring a
// number doubles its logarithm, so the next bit is whether the square reaches 2.
func negLog2(h uint64) uint32 {
	h |= 1 // turns 0 into 1 and moves nothing else noticeably
	zeros := bits.LeadingZeros64(h)
	x := h << zeros // in [1, 2) with 63 fraction bits
	log := uint64(63 - zeros)
	for range logFraction {
		square, _ := bits.Mul64(x, x) // in [1, 4) with 62 fraction bits
		bit := square >> 63
		x = square << (1 - bit) // no branch: it could not be predicted
		log = log<<1 | bit
	}
	l := uint64(64)<<logFraction - log
	return uint32(min(max(l, 1), math.MaxUint32))
}
