package invite

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestTokenIsReadAsItWasWritten(t *testing.T) {
	for _, address := range []string{"192.0.2.11:9454", "[2001:db8::11]:9454"} {
		token := New(netip.MustParseAddrPort(address), [32]byte{1, 2, 3})
		if got, err := Parse(" " + token.String() + "\n"); err != nil || got != token {
			t.Errorf("%v: %+v", err, got)
		}
	}
	one, other := New(netip.AddrPort{}, [32]byte{}), New(netip.AddrPort{}, [32]byte{})
	if one.Secret == other.Secret {
		t.Error("two tokens with one secret")
	}
	for _, text := range []string{"", "thr1-", "thr2-AAAA", one.String(), one.String()[:20]} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestAnInvitationIsGoodOnceAndNotForLong(t *testing.T) {
	var b Book
	now := time.Unix(1000, 0)
	at := netip.MustParseAddrPort("192.0.2.11:9454")
	once, late, back := New(at, [32]byte{}), New(at, [32]byte{}), New(at, [32]byte{})
	for _, token := range []Token{once, late, back} {
		if expires, err := b.Enter(token, now); err != nil || expires.Sub(now) != 15*time.Minute {
			t.Fatal(expires, err)
		}
	}
	use := func(token Token, after time.Duration, want error) {
		t.Helper()
		if err := b.Use(token.Secret[:], now.Add(after)); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	use(once, time.Minute, nil)
	use(once, time.Minute, ErrUsed)
	use(back, 14*time.Minute, nil)
	b.GiveBack(back.Secret[:])
	use(back, 14*time.Minute, nil)
	use(late, 15*time.Minute, ErrExpired)
	use(New(at, [32]byte{}), 0, ErrUnknown)
	for range maxOpen - 1 {
		if _, err := b.Enter(New(at, [32]byte{}), now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Enter(New(at, [32]byte{}), now); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := b.Enter(New(at, [32]byte{}), now.Add(Life)); err != nil {
		t.Errorf("those that have expired are open still: %v", err)
	}
	if _, err := b.Enter(New(at, [32]byte{}), now.Add(2*time.Hour)); err != nil || len(b.known) != 1 {
		t.Errorf("old ones are kept: %v, %d", err, len(b.known))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New(netip.MustParseAddrPort("192.0.2.11:9454"), [32]byte{1}).String())
	f.Add("thr1-")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(token.String()); err != nil || again != token {
			t.Errorf("%q: %+v, %+v, %v", text, token, again, err)
		}
	})
}
