package pipeline

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// sipHash13 is SipHash-1-3 as the paper writes it, for any message: the slow
// reference.
func sipHash13(key HashKey, message []byte) uint64 {
	s := newHasher(key).start()
	tail := len(message) % 8
	for b := message[:len(message)-tail]; len(b) > 0; b = b[8:] {
		s = s.block(binary.LittleEndian.Uint64(b))
	}
	last := uint64(len(message)) << 56
	for i, b := range message[len(message)-tail:] {
		last |= uint64(b) << (8 * i)
	}
	s = s.block(last)
	s.v2 ^= 0xff
	for range 3 {
		s = s.begin().end()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

// TestSipHashVectors compares with values of SipHash-1-3 under the key 00 01 … 0f
// for the messages "", 00, 00 01, …, as other implementations publish them.
func TestSipHashVectors(t *testing.T) {
	want := []uint64{
		0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
		0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
		0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
	}
	var message []byte
	for n, w := range want {
		if got := sipHash13(testKey, message); got != w {
			t.Errorf("%d bytes: got %#x, want %#x", n, got, w)
		}
		message = append(message, byte(n))
	}
}

func TestBucketIsSipHashOfClient(t *testing.T) {
	h := newHasher(testKey)
	random := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		port := uint16(random.Uint32())
		var a4 [4]byte
		binary.NativeEndian.PutUint32(a4[:], random.Uint32())
		var a16 [16]byte
		binary.NativeEndian.PutUint64(a16[:], random.Uint64())
		binary.NativeEndian.PutUint64(a16[8:], random.Uint64())
		for _, addr := range []netip.Addr{netip.AddrFrom4(a4), netip.AddrFrom16(a16)} {
			message := binary.BigEndian.AppendUint16(addr.AsSlice(), port)
			if got, want := h.bucket(addr, port), uint16(sipHash13(testKey, message)); got != want {
				t.Fatalf("%s port %d: got %d, want %d", addr, port, got, want)
			}
		}
	}
}

// TestBegunHashGoesOn ends the hash where the kernel program does.
func TestBegunHashGoesOn(t *testing.T) {
	h := newHasher(testKey)
	for port := range uint16(1000) {
		const addr = 0x0a00000a
		message := sip4Len<<56 | uint64(port)<<32 | addr
		var s sip
		s.v0, s.v1, s.v2, s.v3 = testKey.Begun()
		s.v3 ^= message
		s = s.end()
		s.v0 ^= message
		if got, want := s.finish(), h.bucket4(addr, port); got != want {
			t.Fatalf("port %d: got %d, want %d", port, got, want)
		}
	}
}

// TestAttackerCannotAim chooses 100,000 clients as an attacker would who knows
// all but the key: one address and every port, neighbouring addresses, equal low
// bits. Each of three nodes must get its third, within 2 points.
func TestAttackerCannotAim(t *testing.T) {
	const clients, nodes = 100_000, 3
	patterns := map[string]func(i int) (uint32, uint16){
		"one address, all ports":      func(i int) (uint32, uint16) { return 0x0a000001 + uint32(i>>16), uint16(i) },
		"neighbours, one port":        func(i int) (uint32, uint16) { return 0x0a000000 + uint32(i), 40000 },
		"equal low bits":              func(i int) (uint32, uint16) { return uint32(i) << 12, 40000 },
		"address and port cancel out": func(i int) (uint32, uint16) { return uint32(i), ^uint16(i) },
		"found with another key": func() func(i int) (uint32, uint16) {
			guess, next := newHasher(HashKey{0xff}), uint32(0)
			return func(int) (uint32, uint16) {
				for next++; guess.bucket4(next, 40000) >= Buckets/nodes; next++ {
				}
				return next, 40000
			}
		}(),
	}
	h := newHasher(testKey)
	for name, client := range patterns {
		var count [nodes]int
		for i := range clients {
			count[int(h.bucket4(client(i)))*nodes/Buckets]++
		}
		for node, n := range count {
			if share := float64(n) / clients; share < 1./nodes-0.02 || share > 1./nodes+0.02 {
				t.Errorf("%s: node %d has %.1f %%", name, node, 100*share)
			}
		}
	}
}
