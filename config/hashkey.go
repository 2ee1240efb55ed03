package config

import "strings"

// HashFunction is what puts clients into buckets (DESIGN §2). Package pipeline has them.
type HashFunction uint8

const (
	// SipHash is SipHash-1-3. It is that of key files that name none, as releases before
	// there was a choice wrote them, and of farms without a key.
	SipHash HashFunction = iota
	// Multilinear is a multilinear hash, taken twice: docs/decisions/0003-bucket-hash.md.
	Multilinear
)

// String returns the function as the key file spells it.
func (f HashFunction) String() string { return hashFunctions.name(f) }

// ParseHashFunction reads a function as String writes it; false for any other word.
func ParseHashFunction(word string) (HashFunction, bool) { return hashFunctions.parse(word) }

// HashFunctionCure says which words there are.
func HashFunctionCure() string { return hashFunctions.cure() }

var hashFunctions = enum[HashFunction]{"hash function", []word[HashFunction]{
	{"multilinear", Multilinear}, {"siphash", SipHash},
}}

// HashKey is which bucket hash a farm has, and its secret. With it unknown, a client
// cannot choose a source address or port that lands on a node of its choice.
type HashKey struct {
	Function HashFunction
	Secret   [16]byte
}

// prefix stands before the secret in a key file: nothing for SipHash, which had no name
// there when there was no other.
func (f HashFunction) prefix() string {
	if f == SipHash {
		return ""
	}
	return f.String() + " "
}

// parse reads a function and a secret, or a secret alone, and returns what is wrong
// with it.
func (k *HashKey) parse(text string) string {
	if word, secret, ok := strings.Cut(text, " "); ok {
		if k.Function, ok = hashFunctions.parse(word); !ok {
			return "neither a hash function that is known nor base64"
		}
		text = secret
	}
	return parseKey(k.Secret[:], text)
}
