package handover

import (
	"bytes"
	"testing"
)

func TestReplySurvivesTheWire(t *testing.T) {
	want := Reply{Name: "web1", Echo: Echo{Boot: 1 << 60, Seq: 7, Release: 3}}
	b, err := want.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeReply(append(b, "a later release's"...)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := DecodeReply(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are read", n, len(b))
		}
	}
	b[0]++
	if _, err := DecodeReply(b); err == nil {
		t.Error("another version is read")
	}
	if _, err := (Reply{}).Append(nil); err == nil {
		t.Error("an echo of nobody is written")
	}
}

func FuzzDecodeReply(f *testing.F) {
	b, _ := Reply{Name: "web1", Echo: Echo{1, 2, 3}}.Append(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReply(b)
		if err != nil {
			return
		}
		again, err := r.Append(nil)
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Fatalf("%x is written again as %x, %v", b, again, err)
		}
	})
}
