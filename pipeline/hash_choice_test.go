package pipeline

import (
	"math/bits"
	"testing"
)

// The candidates for the bucket hash that were not taken, for
// docs/decisions/0003-bucket-hash.md: BenchmarkHash compares their cost.

// sip24 is SipHash-2-4, the paper's own choice.
func sip24(k sipKey, addr uint32, port uint16) uint16 {
	m := uint64(sip4Len)<<56 | uint64(port)<<32 | uint64(addr)
	s := k.start()
	s.v3 ^= m
	s = s.begin().end().begin().end()
	s.v0 ^= m
	s.v2 ^= 0xff
	for range 4 {
		s = s.begin().end()
	}
	return uint16(s.v0 ^ s.v1 ^ s.v2 ^ s.v3)
}

// halfSip13 is HalfSipHash-1-3, on 32-bit words: three of them for a client.
func halfSip13(k0, k1, addr, port uint32) uint16 {
	v := [4]uint32{k0, k1, 0x6c796765 ^ k0, 0x74656462 ^ k1}
	round := func() {
		v[0] += v[1]
		v[1] = bits.RotateLeft32(v[1], 5) ^ v[0]
		v[0] = bits.RotateLeft32(v[0], 16)
		v[2] += v[3]
		v[3] = bits.RotateLeft32(v[3], 8) ^ v[2]
		v[0] += v[3]
		v[3] = bits.RotateLeft32(v[3], 7) ^ v[0]
		v[2] += v[1]
		v[1] = bits.RotateLeft32(v[1], 13) ^ v[2]
		v[2] = bits.RotateLeft32(v[2], 16)
	}
	for _, m := range [2]uint32{addr, sip4Len<<24 | port} {
		v[3] ^= m
		round()
		v[0] ^= m
	}
	v[2] ^= 0xff
	round()
	round()
	round()
	return uint16(v[1] ^ v[3])
}

// mulMix is a keyed multiply-and-fold, as in wyhash.
func mulMix(k0, k1 uint64, addr uint32, port uint16) uint16 {
	hi, lo := bits.Mul64(uint64(port)<<32|uint64(addr)^k0, k1|1)
	hi, lo = bits.Mul64(hi^lo^k1, 0x9e3779b97f4a7c15)
	return uint16(hi ^ lo)
}

func BenchmarkHash(b *testing.B) {
	sip, linear := newSipKey(testKey.Secret), NewMultilinear(testKey.Secret)
	for _, c := range []struct {
		name string
		hash func(addr uint32, port uint16) uint16
	}{
		{"multilinear", func(a uint32, p uint16) uint16 { return linear.bucket4(client4(a, p, 0)) }},
		{"siphash-1-3", func(a uint32, p uint16) uint16 { return sip.bucket4(client4(a, p, 0)) }},
		{"siphash-2-4", func(a uint32, p uint16) uint16 { return sip24(sip, a, p) }},
		{"halfsiphash-1-3", func(a uint32, p uint16) uint16 { return halfSip13(uint32(sip.k0), uint32(sip.k1), a, uint32(p)) }},
		{"multiply-mix", func(a uint32, p uint16) uint16 { return mulMix(sip.k0, sip.k1, a, p) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var addr uint32
			for b.Loop() {
				addr += uint32(c.hash(addr, 40000)) + 1 // each hash waits for the last
			}
		})
	}
}
