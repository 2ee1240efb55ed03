package pipeline

import (
	"encoding/binary"
	"flag"
	"math"
	"math/bits"
	"testing"

	"thresher/config"
)

// bothFunctions are keys of each hash function.
func bothFunctions() map[string]config.HashKey {
	sip := testKey
	sip.Function = config.SipHash
	return map[string]config.HashKey{testKey.Function.String(): testKey, sip.Function.String(): sip}
}

// anotherKey is one that an attacker has guessed.
func anotherKey(key config.HashKey) config.HashKey {
	key.Secret = [16]byte{0xff}
	return key
}

// attack is 100,000 clients as somebody would choose them who knows all but the key.
const attack = 100_000

// checkFair fails unless each of three nodes has its third of an attack's clients, within
// 2 points: these are 13 standard deviations.
func checkFair(t *testing.T, name string, bucket func(i int) uint16) {
	t.Helper()
	const nodes = 3
	var count [nodes]int
	for i := range attack {
		count[int(bucket(i))*nodes/Buckets]++
	}
	for node, n := range count {
		if share := float64(n) / attack; math.Abs(share-1./nodes) > 0.02 {
			t.Errorf("%s: node %d has %.1f %%", name, node, 100*share)
		}
	}
}

// TestAttackerCannotAim is one address and every port, neighbouring addresses, equal low
// bits.
func TestAttackerCannotAim(t *testing.T) {
	for function, key := range bothFunctions() {
		h, guess := newHasher(key), newHasher(anotherKey(key))
		next := uint32(0)
		for name, client := range map[string]func(i int) (uint32, uint16){
			"one address, all ports": func(i int) (uint32, uint16) { return 0x0a000001 + uint32(i>>16), uint16(i) },
			"neighbours, one port":   func(i int) (uint32, uint16) { return 0x0a000000 + uint32(i), 40000 },
			"neighbours as on the wire": func(i int) (uint32, uint16) {
				return binary.BigEndian.Uint32(binary.LittleEndian.AppendUint32(nil, uint32(i))), 0
			},
			"equal low bits":              func(i int) (uint32, uint16) { return uint32(i) << 12, 40000 },
			"address and port cancel out": func(i int) (uint32, uint16) { return uint32(i), ^uint16(i) },
			"found with another key": func(int) (uint32, uint16) {
				for next++; guess.bucket4(client4(next, 40000, 0)) >= Buckets/3; next++ {
				}
				return next, 40000
			},
		} {
			checkFair(t, function+", "+name, func(i int) uint16 {
				addr, port := client(i)
				return h.bucket4(client4(addr, port, 0))
			})
		}
	}
}

// TestIPv6AttackerCannotAim is the same for who has a /64, and every port.
func TestIPv6AttackerCannotAim(t *testing.T) {
	lo, _ := address6(client6.AsSlice())
	host := func(n uint64) uint64 { return binary.LittleEndian.Uint64(binary.BigEndian.AppendUint64(nil, n)) }
	for function, key := range bothFunctions() {
		h, guess := newHasher(key), newHasher(anotherKey(key))
		next := uint64(0)
		for name, client := range map[string]func(i int) (uint64, uint64, uint16){
			"one address, all ports":        func(i int) (uint64, uint64, uint16) { return lo, host(uint64(i >> 16)), uint16(i) },
			"the network's addresses":       func(i int) (uint64, uint64, uint16) { return lo, host(uint64(i)), 0 },
			"far apart in the network":      func(i int) (uint64, uint64, uint16) { return lo, host(uint64(i) << 46), 0 },
			"address and port cancel out":   func(i int) (uint64, uint64, uint16) { return lo, uint64(^uint16(i)) | uint64(i)<<16, uint16(i) },
			"halves cancel out":             func(i int) (uint64, uint64, uint16) { return uint64(i), uint64(i), 0 },
			"halves cancel out, both wards": func(i int) (uint64, uint64, uint16) { return uint64(i), -uint64(i), 0 },
			"found with another key": func(int) (uint64, uint64, uint16) {
				for next++; guess.bucket6(lo, next, 40000) >= Buckets/3; next++ {
				}
				return lo, next, 40000
			},
		} {
			checkFair(t, function+", "+name, func(i int) uint16 { return h.bucket6(client(i)) })
		}
	}
}

var hashKeys = flag.Int("hash.keys", 600, "under how many keys each attack is tried")

// TestAttackerCannotAimWhateverTheKey is some attacks under many keys. A node's part varies
// as by lot, and under no key is it far off, as a hash that is linear alone has it under one
// in a thousand.
func TestAttackerCannotAimWhateverTheKey(t *testing.T) {
	const clients, half = 10_000, 50 // half is the standard deviation of a half of them
	for name, client := range map[string]func(i int) uint64{
		"one address, all ports":  func(i int) uint64 { return client4(0x0a000001, bits.ReverseBytes16(uint16(i)), 0) },
		"the same, little-endian": func(i int) uint64 { return client4(0x0a000001, uint16(i), 0) },
		"neighbours":              func(i int) uint64 { return client4(bits.ReverseBytes32(0x0a000000+uint32(i)), 0, 0) },
		"strides":                 func(i int) uint64 { return client4(uint32(i)<<12, 40000, 0) },
		"long strides":            func(i int) uint64 { return client4(uint32(i)<<16, uint16(i>>16), 0) },
	} {
		for function, key := range bothFunctions() {
			var squares, farthest float64
			for i := range *hashKeys {
				binary.LittleEndian.PutUint64(key.Secret[:], uint64(i)+1)
				h, n := newHasher(key), 0
				for c := range clients {
					if h.bucket4(client(c)) < Buckets/2 {
						n++
					}
				}
				off := float64(n-clients/2) / half
				squares, farthest = squares+off*off, max(farthest, math.Abs(off))
			}
			got := squares / float64(*hashKeys)
			t.Logf("%s, %s: %.2f times the variance by lot, at most %.1f standard deviations off", function, name, got, farthest)
			// The mean of so many squares is within a third of what it is of all keys.
			if got < 0.75 || got > 1.33 || farthest > 6 {
				t.Errorf("%s, %s: not as by lot", function, name)
			}
		}
	}
}
