package confirm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// A sealed heartbeat is
//
//	version 1 | salt 16 | counter 8 | AES-256-GCM of the heartbeat, 16 bytes longer
//
// with everything before the ciphertext as associated data. The nonce must never
// come twice under one key. A nonce out of boot and seq would, when a heartbeat
// is relayed by a release that encodes it differently; a random one of 96 bits
// is good for 2^32 messages under one key (NIST SP 800-38D §8.3), which a farm
// of 32 nodes sends in some weeks. So every process has a key of its own,
// derived by HKDF from the farm's key and a random salt of 128 bits, and counts
// its messages under it: two nonces can only meet if two processes drew one salt.
const (
	sealVersion  = 1
	saltLen      = 16
	sealHead     = 1 + saltLen + 8
	sealOverhead = sealHead + 16
	sealLabel    = "thresher heartbeat v1"
)

// What a frame can be told by without a key: MaxSealed and MinSealed are the longest
// and the shortest that Open looks at, Version is its first byte, and the salt of the
// process that sealed it begins at SaltOffset.
const (
	MaxSealed  = MaxWire
	MinSealed  = sealOverhead
	Version    = sealVersion
	SaltOffset = 1
)

// LongestFor is the length of the longest sealed heartbeat in a farm of so many nodes:
// what Append writes, with the longest name and meta.
func LongestFor(nodes int) int {
	const fixed, echo = 1 + 1 + 4 + 5*8 + 1 + MaxName + 2 + MaxMeta + 1, 3*8 + 4
	return sealOverhead + fixed + echo*min(MaxEchoes, max(0, nodes-1))
}

// ErrSeal says that bytes were not sealed with the farm's key, or not as they
// are now.
var ErrSeal = errors.New("not sealed with this farm's key")

// A Sealer encrypts one process's heartbeats. It is not safe for concurrent use.
type Sealer struct {
	salt  [saltLen]byte
	aead  cipher.AEAD
	count uint64
}

// NewSealer returns a Sealer under the farm's key.
func NewSealer(key [32]byte) (*Sealer, error) {
	s := new(Sealer)
	rand.Read(s.salt[:]) // never fails, crypto/rand says
	aead, err := newAEAD(key, s.salt)
	if err != nil {
		return nil, err
	}
	s.aead = aead
	return s, nil
}

// newAEAD derives one process's cipher.
func newAEAD(key [32]byte, salt [saltLen]byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key[:], salt[:], sealLabel, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the heartbeat key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("heartbeat key: %w", err)
	}
	return cipher.NewGCM(block)
}

// Seal appends the sealed heartbeat to b. It does not matter whose heartbeat it
// is: a relayed one is sealed by who passes it on.
func (s *Sealer) Seal(b []byte, hb *Heartbeat) ([]byte, error) {
	plain, err := hb.Append(make([]byte, 0, MaxWire))
	if err != nil {
		return b, err
	}
	return s.SealBytes(b, plain), nil
}

// SealBytes appends sealed bytes to b, of whoever has a key of its own and speaks
// of something else than heartbeats.
func (s *Sealer) SealBytes(b, plain []byte) []byte {
	s.count++
	head := len(b)
	b = append(b, sealVersion)
	b = append(b, s.salt[:]...)
	b = binary.BigEndian.AppendUint64(b, s.count)
	return s.aead.Seal(b, nonce(s.count), plain, b[head:len(b):len(b)])
}

// nonce returns the nonce of message number count.
func nonce(count uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), count)
}

// maxCiphers bounds the derived ciphers that an Opener keeps.
const maxCiphers = 128

// An Opener decrypts heartbeats. It is not safe for concurrent use.
type Opener struct {
	keys    [][32]byte
	ciphers map[[saltLen]byte]*kept
	uses    uint64 // of kept ciphers
}

// kept is a derived cipher.
type kept struct {
	cipher.AEAD
	used uint64 // which use of any was its last
}

// NewOpener returns an Opener for heartbeats sealed under any of the keys: while
// a farm changes its key there are two.
func NewOpener(keys ...[32]byte) *Opener {
	return &Opener{keys: keys, ciphers: make(map[[saltLen]byte]*kept)}
}

// Open decrypts and decodes a heartbeat. An error that is ErrSeal means that it
// is somebody else's or forged; another one that a member of the farm speaks
// differently. Whether a heartbeat is old or doubled Open cannot know: that is
// told by boot and seq, in Node.Receive.
func (o *Opener) Open(sealed []byte) (*Heartbeat, error) {
	plain, err := o.OpenBytes(sealed)
	if err != nil {
		return nil, err
	}
	return Decode(plain)
}

// OpenBytes opens what SealBytes has sealed. The error is ErrSeal for anything
// else.
func (o *Opener) OpenBytes(sealed []byte) ([]byte, error) {
	if len(sealed) < sealOverhead || len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w: %d bytes", ErrSeal, len(sealed))
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: version %d, this release speaks %d", ErrSeal, sealed[0], sealVersion)
	}
	return o.decrypt(sealed)
}

// Knows says whether the bytes have the salt of a process that has proved to be a
// member's. Only then is it cheap to open them: for any other salt each key's cipher
// is derived first, whoever has made the salt up.
func (o *Opener) Knows(sealed []byte) bool {
	return len(sealed) >= sealOverhead && o.ciphers[[saltLen]byte(sealed[SaltOffset:])] != nil
}

// Salts are those of the processes that have proved to be members'.
func (o *Opener) Salts() (all [][saltLen]byte) {
	for salt := range o.ciphers {
		all = append(all, salt)
	}
	return all
}

// decrypt opens with the cipher of the frame's salt.
func (o *Opener) decrypt(sealed []byte) ([]byte, error) {
	salt := [saltLen]byte(sealed[SaltOffset:])
	head, body := sealed[:sealHead], sealed[sealHead:]
	number := nonce(binary.BigEndian.Uint64(sealed[SaltOffset+saltLen:]))
	if k := o.ciphers[salt]; k != nil {
		if plain, err := k.Open(nil, number, body, head); err == nil {
			o.uses++
			k.used = o.uses
			return plain, nil
		}
		return nil, ErrSeal
	}
	for _, key := range o.keys {
		aead, err := newAEAD(key, salt)
		if err != nil {
			return nil, err
		}
		if plain, err := aead.Open(nil, number, body, head); err == nil {
			o.keep(salt, aead)
			return plain, nil
		}
	}
	return nil, ErrSeal
}

// keep remembers a cipher that has proved to be a member's. Salts that prove
// nothing are not remembered, so that a stranger cannot push members' out. The one that
// was not used for longest makes room: its process has most likely ended.
func (o *Opener) keep(salt [saltLen]byte, aead cipher.AEAD) {
	if len(o.ciphers) >= maxCiphers {
		var oldest [saltLen]byte
		first := o.uses + 1
		for s, k := range o.ciphers {
			if k.used < first {
				oldest, first = s, k.used
			}
		}
		delete(o.ciphers, oldest)
	}
	o.uses++
	o.ciphers[salt] = &kept{aead, o.uses}
}
