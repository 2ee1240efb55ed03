package config

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// noKey stands for no gossip key: a key file with it is refused.
var noKey [32]byte

// KeyID is what a gossip key is called where it must not be seen: 64 bits derived
// from it, which tell nothing of it. "" is no key.
func KeyID(key [32]byte) string {
	if key == noKey {
		return ""
	}
	id, err := hkdf.Key(sha256.New, key[:], nil, "thresher key id v1", 8)
	if err != nil {
		panic(err) // only for lengths above 255 hashes (RFC 5869, 2.3)
	}
	return hex.EncodeToString(id)
}

// KeyStep is a step of one node towards another gossip key, or back.
type KeyStep string

// The steps, in the order in which a farm goes through them: add, use and drop to
// another key; back and forget to the one before.
const (
	// KeyAdd has a node believe what is sealed under a new key.
	KeyAdd KeyStep = "add"
	// KeyUse has it seal under the new one, and believe the old one still.
	KeyUse KeyStep = "use"
	// KeyDrop has it believe the new one alone.
	KeyDrop KeyStep = "drop"
	// KeyBack is KeyUse undone, KeyForget is KeyAdd undone.
	KeyBack   KeyStep = "back"
	KeyForget KeyStep = "forget"
)

// errKeyStep is what every refusal of a step wraps.
var errKeyStep = errors.New("the step does not fit this node's keys")

// Step returns the keys after a step towards the new key with that id, or back from
// it. Only KeyAdd needs the key itself. A step that is done already changes nothing,
// so that it may be repeated; one that would leave the order is refused.
func (k Keys) Step(step KeyStep, id string, key [32]byte) (Keys, error) {
	using, next := KeyID(k.Gossip) == id, k.Next != noKey && KeyID(k.Next) == id
	refused := func(why string) (Keys, error) { return k, fmt.Errorf("%w: %s", errKeyStep, why) }
	switch {
	case id == "":
		return refused("no key is named")
	case step == KeyAdd && (using || next),
		step == KeyUse && using,
		step == KeyDrop && using && k.Before == noKey,
		step == KeyBack && !using,
		step == KeyForget && !using && !next:
		return k, nil
	case step == KeyAdd:
		if k.Next != noKey || k.Before != noKey {
			return refused("it is on the way to another key")
		}
		if key == noKey || KeyID(key) != id {
			return refused("the key is not the one that is named")
		}
		k.Next = key
	case step == KeyUse:
		if !next {
			return refused("it does not know that key yet")
		}
		k.Gossip, k.Before, k.Next = k.Next, k.Gossip, noKey
	case step == KeyDrop:
		if !using {
			return refused("it does not use that key yet")
		}
		k.Before = noKey
	case step == KeyBack:
		if k.Before == noKey {
			return refused("it has no other key any more")
		}
		k.Gossip, k.Next, k.Before = k.Before, k.Gossip, noKey
	case step == KeyForget:
		if using {
			return refused("it uses that key")
		}
		k.Next = noKey
	default:
		return refused("there is no such step")
	}
	return k, nil
}

// Accepted are the gossip keys that are believed, the one in use first.
func (k Keys) Accepted() [][32]byte {
	keys := [][32]byte{k.Gossip}
	for _, other := range [][32]byte{k.Next, k.Before} {
		if other != noKey {
			keys = append(keys, other)
		}
	}
	return keys
}
