package confirm

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var farmKey, otherKey = [32]byte{1, 2, 3}, [32]byte{1, 2, 4}

// sealed returns a heartbeat sealed under a key.
func sealed(t *testing.T, key [32]byte, hb *Heartbeat) []byte {
	t.Helper()
	s, err := NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Seal(nil, hb)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealAndOpen(t *testing.T) {
	b := sealed(t, farmKey, largest())
	if len(b) > MaxSealed {
		t.Errorf("the longest heartbeat sealed has %d bytes, an Ethernet frame %d", len(b), MaxSealed)
	}
	if want := LongestFor(MaxEchoes + 1); len(b) != want {
		t.Errorf("the longest heartbeat sealed has %d bytes, want %d", len(b), want)
	}
	o := NewOpener(otherKey, farmKey)
	for range 2 { // the second time with the cipher kept
		got, err := o.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(largest(), got); diff != "" {
			t.Errorf("(-sealed +opened):\n%s", diff)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := sealed(t, farmKey, largest())
	for name, b := range map[string][]byte{
		"another key": sealed(t, otherKey, largest()), "nothing": nil, "truncated": good[:len(good)-1],
		"head only": good[:sealOverhead], "too long": append(bytes.Clone(good), make([]byte, MaxSealed)...),
	} {
		if _, err := NewOpener(farmKey).Open(b); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: %v, want ErrSeal", name, err)
		}
	}
}

// Not one bit can be changed: version, salt and counter are associated data.
func TestOpenNoticesEveryBit(t *testing.T) {
	good := sealed(t, farmKey, &Heartbeat{Name: "a", Boot: 1, Seq: 1, Phase: Up, Lease: time.Second})
	o := NewOpener(farmKey)
	if _, err := o.Open(good); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if _, err := o.Open(b); !errors.Is(err, ErrSeal) {
			t.Fatalf("bit %d changed: %v", i, err)
		}
	}
}

// No two messages may have one nonce under one key: sealers differ by salt, and
// one sealer's messages by counter.
func TestNoncesNeverRepeat(t *testing.T) {
	seen := make(map[string]bool)
	for range 20 {
		s, err := NewSealer(farmKey)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			b, err := s.Seal(nil, largest())
			if err != nil {
				t.Fatal(err)
			}
			if head := string(b[:sealHead]); seen[head] {
				t.Fatal("salt and counter came twice")
			} else {
				seen[head] = true
			}
		}
	}
}

// A stranger's salts push no member's cipher out.
func TestOpenerForgetsNoMemberForStrangers(t *testing.T) {
	o := NewOpener(farmKey)
	if _, err := o.Open(sealed(t, farmKey, largest())); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if _, err := o.Open(sealed(t, otherKey, largest())); err == nil {
			t.Fatal("opened under another key")
		}
	}
	if len(o.ciphers) != 1 {
		t.Errorf("%d ciphers kept, want the member's one", len(o.ciphers))
	}
}

// Of the processes that there have been, those that are heard stay known, and the others
// make room one by one.
func TestOpenerForgetsWhoIsNotHeard(t *testing.T) {
	o := NewOpener(farmKey)
	stays, goes := sealed(t, farmKey, largest()), sealed(t, farmKey, largest())
	for _, b := range [][]byte{goes, stays} {
		if _, err := o.Open(b); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * maxCiphers {
		for _, b := range [][]byte{sealed(t, farmKey, largest()), stays} {
			if _, err := o.Open(b); err != nil {
				t.Fatal(err)
			}
		}
		if !o.Knows(stays) {
			t.Fatal("one that is heard was forgotten")
		}
	}
	if len(o.Salts()) != maxCiphers || o.Knows(goes) {
		t.Errorf("%d are known, one that is silent among them: %v", len(o.Salts()), o.Knows(goes))
	}
}

// A frame recorded and played again opens, and the machine ignores it.
func TestReplayIsIgnored(t *testing.T) {
	frame := sealed(t, farmKey, &Heartbeat{Name: "a", Boot: 5, Seq: 3, Phase: Up, Lease: 600 * time.Millisecond})
	o := NewOpener(farmKey)
	n, _ := newTestNode(t, "b")
	for i, want := range []uint64{0, 1, 2} {
		hb, err := o.Open(frame)
		if err != nil {
			t.Fatal(err)
		}
		n.Receive(testStart.Add(time.Duration(i)*time.Millisecond), hb)
		if got := n.Status().Counters.StaleSeq; got != want {
			t.Errorf("after %d times: %d ignored, want %d", i+1, got, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s, err := NewSealer(farmKey)
	if err != nil {
		f.Fatal(err)
	}
	b, err := s.Seal(nil, largest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		if hb, err := NewOpener(otherKey).Open(b); err == nil {
			t.Fatalf("opened %+v", hb)
		}
	})
}
