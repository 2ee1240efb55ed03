package config

// Keys are a farm's secrets. Every node has the same ones.
type Keys struct {
	// Gossip encrypts membership messages: an AES-256 key.
	Gossip [32]byte
	// Hash keys the bucket hash, so that a client cannot choose its node.
	// Another hash key moves every bucket.
	Hash [16]byte
}
