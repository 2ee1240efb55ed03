package invite

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Life is how long a token is good.
const Life = 15 * time.Minute

// prefix tells people and programs what the text is, and of which form.
const prefix = "thr1-"

const (
	secretLen      = 16 // 128 random bits can't be guessed
	fingerprintLen = 32
)

// Token is what an operator carries from a member of the farm to a newcomer.
type Token struct {
	// Address is where the member lets newcomers in.
	Address netip.AddrPort
	// Fingerprint is the SHA-256 of the farm's authority.
	Fingerprint [fingerprintLen]byte
	// Secret is what the member knows the token by.
	Secret [secretLen]byte
}

// errToken says nothing of the text, which may be half a secret.
var errToken = errors.New("this is no invitation: copy the whole line that `thresher invite` has printed")

// New returns a token with a secret of its own.
func New(address netip.AddrPort, fingerprint [fingerprintLen]byte) Token {
	t := Token{Address: address, Fingerprint: fingerprint}
	_, _ = rand.Read(t.Secret[:]) // never fails (crypto/rand)
	return t
}

// String is the token as it is carried.
func (t Token) String() string {
	b := append(append([]byte(nil), t.Secret[:]...), t.Fingerprint[:]...)
	b = append(b, t.Address.String()...)
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// Parse reads what String has written.
func Parse(text string) (t Token, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok || len(rest) > 256 {
		return t, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) < secretLen+fingerprintLen {
		return t, errToken
	}
	copy(t.Secret[:], b)
	copy(t.Fingerprint[:], b[secretLen:])
	t.Address, err = netip.ParseAddrPort(string(b[secretLen+fingerprintLen:]))
	if err != nil || t.Address.Port() == 0 || t.Address.Addr().Zone() != "" || t.Address.String() != string(b[secretLen+fingerprintLen:]) {
		return Token{}, errToken
	}
	return t, nil
}
