package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Keys are a farm's secrets. Every node has the same ones. They print as
// whether they are set, never as what they are.
type Keys struct {
	// Gossip encrypts membership messages: an AES-256 key.
	Gossip [32]byte
	// Hash is the bucket hash's. Another one moves every bucket.
	Hash HashKey
	// Next is the gossip key that is to come, Before the one that was, while the
	// farm changes it; zero if there is none. What is sealed under either is
	// believed, and nothing is sealed under them. There is never one of each.
	Next, Before [32]byte
}

// NewKeys draws the keys of a new farm from random, which is crypto/rand.Reader
// outside tests. Its bucket hash is Multilinear. The error is the reader's.
func NewKeys(random io.Reader) (Keys, error) {
	k := Keys{Hash: HashKey{Function: Multilinear}}
	for _, part := range [][]byte{k.Gossip[:], k.Hash.Secret[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return Keys{}, fmt.Errorf("draw keys: %w", err)
		}
	}
	return k, nil
}

// String says whether there are keys, without them.
func (k Keys) String() string {
	if k == (Keys{}) {
		return "Keys(none)"
	}
	return "Keys(redacted)"
}

// GoString is String, for %#v.
func (k Keys) GoString() string { return k.String() }

// Format is String for every verb: %x and %d would print the bytes.
func (k Keys) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// LogValue is String, for log/slog.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON is String, as a JSON string.
func (k Keys) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }
