package invite

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// maxOpen is how many invitations may be open at once: a whole farm's.
const maxOpen = 32

// Why a token is refused, or not made. One that was used and one that has expired
// are told apart, since an operator who finds a token used by somebody else must know.
var (
	ErrUnknown = errors.New("the invitation is not known here: it is another node's, or from before this daemon was started")
	ErrUsed    = errors.New("the invitation has been used already")
	ErrExpired = errors.New("the invitation has expired")
	ErrFull    = errors.New("32 invitations are open already")
)

// Book has the invitations that are open. It does not have the tokens, only what
// they are known by.
type Book struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]entry
}

type entry struct {
	expires time.Time
	used    bool
}

// Enter opens an invitation.
func (b *Book) Enter(t Token, now time.Time) (expires time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	open := 0
	for _, e := range b.known {
		if !e.used && now.Before(e.expires) {
			open++
		}
	}
	if open >= maxOpen {
		return expires, ErrFull
	}
	if b.known == nil {
		b.known = make(map[[sha256.Size]byte]entry)
	}
	expires = now.Add(Life)
	b.known[sha256.Sum256(t.Secret[:])] = entry{expires: expires}
	return expires, nil
}

// sweep forgets what has expired long enough ago for nobody to ask why.
func (b *Book) sweep(now time.Time) {
	for key, e := range b.known {
		if now.Sub(e.expires) > 4*Life {
			delete(b.known, key)
		}
	}
}

// Use takes an invitation, once. If what it was for fails, GiveBack opens it again.
func (b *Book) Use(secret []byte, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := sha256.Sum256(secret)
	e, ok := b.known[key]
	switch {
	case !ok:
		return ErrUnknown
	case e.used:
		return ErrUsed
	case !now.Before(e.expires):
		return ErrExpired
	}
	e.used = true
	b.known[key] = e
	return nil
}

// GiveBack opens an invitation again that led to nothing.
func (b *Book) GiveBack(secret []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := sha256.Sum256(secret)
	if e, ok := b.known[key]; ok {
		e.used = false
		b.known[key] = e
	}
}
