package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// tokenPrefix lets people and scanners for leaked secrets know a token.
const tokenPrefix = "thr_"

// newSecret draws 256 bits as text.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails, crypto/rand says
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewToken draws a bearer token and its hash. The token itself is kept nowhere.
func NewToken() (token, hash string) {
	token = tokenPrefix + newSecret()
	return token, hashSecret(token)
}

// hashSecret is the hash of a token or a session. They are 256 random bits, which
// nobody can guess one by one, so a fast hash is as good as a slow one.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// isSecretHash tells whether text is what hashSecret returns.
func isSecretHash(text string) bool {
	digits, ok := strings.CutPrefix(text, "sha256:")
	sum, err := hex.DecodeString(digits)
	return ok && err == nil && len(sum) == sha256.Size
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
