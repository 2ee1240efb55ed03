package pipeline

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestMultilinearVectors compares with what a few lines of Python make of the secret 00 01
// … 0f, out of the papers' formulas (RFC 5869 among them) in whole numbers.
func TestMultilinearVectors(t *testing.T) {
	m := NewMultilinear(testKey.Secret)
	if m.Start4 != 0x58e162a57b91ca94 || m.AddAgain[1] != 0xaaaf0a9b2f13b797 {
		t.Errorf("the first number is %#x, the last %#x", m.Start4, m.AddAgain[1])
	}
	h := newHasher(testKey)
	for _, v := range []struct {
		addr string
		port uint16
		want uint16
	}{
		{"192.0.2.1", 1, 10129},
		{"203.0.113.7", 40000, 40084},
		{"255.255.255.255", 65535, 33084},
		{"10.0.0.10", 0, 52130},
		{"2001:db8::1", 1, 12040},
		{"2001:db8:1:2:3:4:5:6", 40000, 54254},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 55695},
		{"fe80::1", 0, 44206},
	} {
		if got := h.bucket(netip.MustParseAddr(v.addr), v.port); got != v.want {
			t.Errorf("%s port %d: bucket %d, want %d", v.addr, v.port, got, v.want)
		}
	}
}

// TestStepIsStronglyUniversal goes through all keys of one step with words of 3 bits,
// numbers of 6 and results of 3: whatever two clients, each pair of results comes from
// equally many keys, and few give both the same sum, which the second step cannot tell
// apart. In the real one all of this is 32 and 64 bits.
func TestStepIsStronglyUniversal(t *testing.T) {
	const word, numbers = 8, 64
	const clients = word * word
	for one := range clients {
		for other := one % 7; other < one; other += 7 { // enough of the pairs
			var keys [word][word]int
			equal := 0
			for key := range numbers * numbers * numbers {
				start, add0, add1 := key%numbers, key/numbers%numbers, key/numbers/numbers
				a := (start + (add0+one%word)*(add1+one/word)) % numbers
				b := (start + (add0+other%word)*(add1+other/word)) % numbers
				keys[a/word][b/word]++
				if a == b {
					equal++
				}
			}
			for _, row := range keys {
				for _, n := range row {
					if n != numbers*numbers*numbers/word/word {
						t.Fatalf("clients %d and %d: %v", one, other, keys)
					}
				}
			}
			if equal > numbers*numbers*numbers/word/2 {
				t.Fatalf("clients %d and %d have the same sum under %d keys", one, other, equal)
			}
		}
	}
}

// TestEveryBitMatters: each bit of a client turns each bit of the bucket, for some clients
// and not for others. That it does so for half of them is true of all keys, not of each.
func TestEveryBitMatters(t *testing.T) {
	const clients = 4000
	random := rand.New(rand.NewPCG(5, 6))
	m := NewMultilinear(testKey.Secret)
	for bit := range 64 + 64 + 16 {
		var flips [16]int
		for range clients {
			first, last, port := random.Uint64(), random.Uint64(), uint16(random.Uint32())
			var turned uint16
			switch {
			case bit < 64:
				turned = m.bucket6(first, last, port) ^ m.bucket6(first^1<<bit, last, port)
			case bit < 128:
				turned = m.bucket6(first, last, port) ^ m.bucket6(first, last^1<<(bit-64), port)
			default:
				turned = m.bucket6(first, last, port) ^ m.bucket6(first, last, port^1<<(bit-128))
			}
			for i := range flips {
				flips[i] += int(turned >> i & 1)
			}
		}
		for i, n := range flips {
			if n < clients*45/100 || n > clients*55/100 {
				t.Errorf("bit %d of the client turns bit %d of the bucket in %d of %d", bit, i, n, clients)
			}
		}
	}
}
