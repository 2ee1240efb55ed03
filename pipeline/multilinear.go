package pipeline

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// Multilinear is a multilinear hash in the form with half the multiplications,
// MULTILINEAR-HM of Lemire and Kaser (Strongly universal string hashing is fast, The
// Computer Journal 57, 2014): sums of products of 32-bit words, modulo 2^64, of which the
// upper bits are the hash. It is taken twice: of the client, and of the two halves of that
// sum, of which the upper 16 bits are the bucket. In between the sum is mixed, by steps that
// can be undone, so that no two become one.
//
// Without the key, any two clients' buckets are as good as independent of each other: what
// that is worth and what is proved of it says decision 0003.
//
// The kernel program has the same numbers.
type Multilinear struct {
	// Start4 and Start6 are what the first hash begins with, by the client's family.
	Start4, Start6 uint64
	// Add is added to the words, which are multiplied two by two.
	Add [6]uint64
	// Mix multiplies the sum; it is odd.
	Mix uint64
	// StartAgain and AddAgain are as above, of the second hash.
	StartAgain uint64
	AddAgain   [2]uint64
}

// NewMultilinear draws the numbers out of a farm's secret: HKDF-SHA-256 (RFC 5869), each
// 8 bytes, little-endian, in the order of the fields.
func NewMultilinear(secret [16]byte) Multilinear {
	var m Multilinear
	text, err := hkdf.Key(sha256.New, secret[:], nil, "thresher bucket hash multilinear v1", binary.Size(m))
	if err == nil {
		_, err = binary.Decode(text, binary.LittleEndian, &m)
	}
	if err != nil {
		panic(err) // only for lengths above 255 hashes (RFC 5869, 2.3)
	}
	m.Mix |= 1
	return m
}

func (m *Multilinear) bucket4(client uint64) uint16 {
	return m.again(m.Start4 + pair(m.Add[0], m.Add[1], client))
}

func (m *Multilinear) bucket6(first, last uint64, port uint16) uint16 {
	return m.again(m.Start6 + pair(m.Add[0], m.Add[1], first) + pair(m.Add[2], m.Add[3], last) +
		pair(m.Add[4], m.Add[5], uint64(port)))
}

// again hashes the first hash's sum to a bucket.
func (m *Multilinear) again(sum uint64) uint16 {
	sum ^= sum >> 32
	sum *= m.Mix
	sum ^= sum >> 32
	return uint16((m.StartAgain + pair(m.AddAgain[0], m.AddAgain[1], sum)) >> 48)
}

// pair is what two words bring: the lower half of words, and the upper one.
func pair(addLower, addUpper, words uint64) uint64 {
	return (addLower + words&0xffffffff) * (addUpper + words>>32)
}
