package host

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode: whatever is in the file, the reader either refuses it as damaged
// or understands it so that writing and reading it again changes nothing.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"b","entries":[{"kind":"sysctl","name":"net/ipv4/conf/eth0.1/arp_ignore","old":"0"},` +
		`{"kind":"address","link":"lo","prefix":"192.0.2.100/32"},{"kind":"link","link":"thr0"}]}`))
	f.Add([]byte(`{"version":1,"boot":"","entries":null}`))
	f.Add([]byte(`{"version":1,"entries":[{"kind":"address","link":"lo","prefix":""}]}`))
	f.Add([]byte(`{"version":1,`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		again, err := encode(s)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := decode(again)
		if err != nil {
			t.Fatalf("%v, of %s", err, again)
		}
		if diff := cmp.Diff(s.Entries, twice.Entries, equalEntries); diff != "" && len(s.Entries) > 0 {
			t.Fatalf("(-first +second):\n%s", diff)
		}
		for _, e := range s.Entries {
			if err := e.check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestEntriesSayWhatTheyAre(t *testing.T) {
	for want, e := range map[string]Entry{
		`sysctl net/ipv4/x, before "0"`: {Kind: KindSysctl, Name: "net/ipv4/x", Old: "0"},
		"address 192.0.2.100/32 on lo":  {Kind: KindAddress, Link: "lo", Prefix: vip4},
		"interface thr0":                {Kind: KindLink, Link: "thr0"},
		"change of unknown kind disk":   {Kind: "disk"},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
