package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password's hash: argon2id with 19 MiB, 2 passes and 1 lane, the
// least that OWASP's Password Storage Cheat Sheet recommends. A node has better
// things to do than to check passwords: more would be felt by its heartbeats.
const (
	hashMemory  = 19 << 10 // KiB
	hashPasses  = 2
	hashLanes   = 1
	hashLength  = 32
	saltLength  = 16
	maxPassword = 1024 // bytes
	minPassword = 10   // characters
)

// A file could ask for more memory than the machine has.
const (
	maxHashMemory = 256 << 10 // KiB
	maxHashPasses = 16
)

// ErrHash says that text is no hash that HashPassword writes.
var ErrHash = errors.New("not an argon2id hash as `thresher user add` writes it")

// CheckPassword says why a password can't be chosen.
func CheckPassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Errorf("the password is shorter than %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password is longer than %d bytes", maxPassword)
	}
	return nil
}

// HashPassword returns the password's hash with a new salt, in the PHC string
// format: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func HashPassword(password string) string {
	salt := make([]byte, saltLength)
	rand.Read(salt) // never fails, crypto/rand says
	sum := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, hashLength)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashLanes,
		enc.EncodeToString(salt), enc.EncodeToString(sum))
}

// hash is a password's hash, taken apart.
type hash struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

// parseHash reads the PHC string format within bounds.
func parseHash(text string) (hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hash{}, ErrHash
	}
	var h hash
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes)
	if err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.lanes) {
		return hash{}, ErrHash
	}
	enc := base64.RawStdEncoding.Strict()
	var saltErr, sumErr error
	h.salt, saltErr = enc.DecodeString(parts[4])
	h.sum, sumErr = enc.DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return hash{}, ErrHash
	}
	if h.memory < 8 || h.memory > maxHashMemory || h.passes < 1 || h.passes > maxHashPasses || h.lanes < 1 || h.lanes > 16 {
		return hash{}, ErrHash
	}
	return h, nil
}

// matches tells whether the hash is that of the password.
func (h hash) matches(password string) bool {
	sum := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// nobody is what the password of a user that there is not is compared with, so
// that the time of an answer does not say who there is.
func nobody() hash {
	return hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltLength), sum: make([]byte, hashLength)}
}
