package signon

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"time"

	"golang.org/x/oauth2"
)

// flow is one login under way. State binds the issuer's answer to the browser, Nonce
// its token, and Verifier the code.
type flow struct {
	State, Nonce, Verifier string
	// Back is where the issuer sends the browser.
	Back string
	Ends time.Time
}

func newFlow(ends time.Time, back string) flow {
	return flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Back: back, Ends: ends}
}

// seal makes a flow a text that nobody else can read or make, and back. Its key is
// this process's own.
type seal struct{ cipher.AEAD }

func newSeal() seal {
	key := make([]byte, 32)
	rand.Read(key) // never fails, crypto/rand says
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has blocks of 16 bytes
	}
	return seal{aead}
}

func (s seal) close(f flow) (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.Seal(nil, nil, text, nil)), nil
}

func (s seal) open(text string) (f flow, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return f, err
	}
	plain, err := s.Open(nil, nil, sealed, nil)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(plain, &f)
}
