package confirm

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// largest returns the longest heartbeat that is allowed.
func largest() *Heartbeat {
	hb := &Heartbeat{
		Name: strings.Repeat("n", MaxName), Boot: 1 << 62, Seq: 1 << 40, Phase: Up, Lease: 600 * time.Millisecond,
		Stated: 7, Target: 8, Release: 3, Meta: strings.Repeat("m", MaxMeta),
	}
	for i := range MaxEchoes {
		hb.Echoes = append(hb.Echoes, Echo{PeerID(i), 1 << 61, 99, 101})
	}
	return hb
}

func TestHeartbeatSurvivesTheWire(t *testing.T) {
	for name, hb := range map[string]*Heartbeat{
		"largest": largest(),
		"least":   {Name: "a", Boot: 1, Seq: 1, Phase: Starting, Lease: time.Microsecond},
		"leaving": {Name: "a", Boot: 1, Seq: 1, Phase: Leaving, Lease: MaxLease, Meta: "\x00\xff"},
	} {
		b, err := hb.Append(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(hb, got); diff != "" {
			t.Errorf("%s (-sent +got):\n%s", name, diff)
		}
	}
}

// A later release appends fields: this one ignores them.
func TestDecodeIgnoresLaterFields(t *testing.T) {
	b, err := largest().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(append(b, "more"...)); err != nil {
		t.Errorf("with four more bytes: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, err := largest().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(i int, v byte) []byte { b := bytes.Clone(good); b[i] = v; return b }
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "truncated"},
		{"half", good[:len(good)/2], "truncated"},
		{"one byte less", good[:len(good)-1], "truncated"},
		{"another version", change(0, 2), "version 2"},
		{"unknown phase", change(1, 9), "phase 9"},
		{"views while leaving", change(1, byte(Leaving)), "while leaving"},
		{"no lease", append(append([]byte{1, byte(Up)}, 0, 0, 0, 0), good[6:]...), "lease"},
		{"two echoes of one peer", func() []byte {
			b := bytes.Clone(good)
			copy(b[len(b)-28:], b[len(b)-56:len(b)-28])
			return b
		}(), "two echoes"},
		{"too long", make([]byte, MaxWire+1), "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Decode(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
		})
	}
}

// Every strict prefix is refused: a heartbeat cut off on the way must not pass
// for one with fewer echoes.
func TestDecodeRefusesEveryPrefix(t *testing.T) {
	good, err := largest().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := Decode(good[:n]); !errors.Is(err, errShort) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, hb := range []*Heartbeat{largest(), {Name: "a", Boot: 1, Seq: 1, Phase: Starting, Lease: time.Millisecond}} {
		b, err := hb.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		hb, err := Decode(b)
		if err != nil {
			return
		}
		again, err := hb.Append(nil)
		if err != nil {
			t.Fatalf("decoded but not encodable: %v", err)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("decoded %x, encoded %x", b, again)
		}
		// A node must survive whatever decodes.
		n, _ := newTestNode(t, "b")
		n.Receive(testStart, hb)
	})
}
