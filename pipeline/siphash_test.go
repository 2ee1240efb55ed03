package pipeline

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"thresher/config"
)

// sipHash13 is SipHash-1-3 as the paper writes it, for any message: the slow
// reference.
func sipHash13(secret [16]byte, message []byte) uint64 {
	s := newSipKey(secret).start()
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
		if got := sipHash13(testKey.Secret, message); got != w {
			t.Errorf("%d bytes: got %#x, want %#x", n, got, w)
		}
		message = append(message, byte(n))
	}
}

func TestBucketIsSipHashOfClient(t *testing.T) {
	key := testKey
	key.Function = config.SipHash
	h := newHasher(key)
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
			if got, want := h.bucket(addr, port), uint16(sipHash13(testKey.Secret, message)); got != want {
				t.Fatalf("%s port %d: got %d, want %d", addr, port, got, want)
			}
		}
	}
}

// TestBegunHashGoesOn ends the hash where the kernel program does.
func TestBegunHashGoesOn(t *testing.T) {
	k := newSipKey(testKey.Secret)
	for port := range uint16(1000) {
		const addr = 0x0a00000a
		message := sip4Len<<56 | uint64(port)<<32 | addr
		var s sip
		s.v0, s.v1, s.v2, s.v3 = SipBegun(testKey.Secret)
		s.v3 ^= message
		s = s.end()
		s.v0 ^= message
		if got, want := s.finish(), k.bucket4(client4(addr, port, 0)); got != want {
			t.Fatalf("port %d: got %d, want %d", port, got, want)
		}
	}
}
