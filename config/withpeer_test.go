package config

import (
	"net/netip"
	"testing"
)

func TestWithPeerLeavesTheRestAlone(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.12:7946")
	for _, tt := range []struct{ name, text, want string }{
		{"in brackets", "# first\n\ncluster:\n  join: [192.0.2.11, 192.0.2.13:7946 ] # all\n\ndefault: deny\n",
			"# first\n\ncluster:\n  join: [192.0.2.11, 192.0.2.13:7946, \"192.0.2.12:7946\"] # all\n\ndefault: deny\n"},
		{"IPv6", "cluster: {join: [\"[2001:db8::1]:7946\"]}\n", "cluster: {join: ['[2001:db8::1]:7946', '192.0.2.12:7946']}\n"},
		{"by dashes", "cluster:\n  join:\n    - 192.0.2.11 # one\n\ndefault: deny", "cluster:\n  join:\n    - 192.0.2.11 # one\n    - \"192.0.2.12:7946\"\n\ndefault: deny"},
		{"there already", "cluster:\n\n  join: [192.0.2.12]\n", "cluster:\n\n  join: [192.0.2.12]\n"},
		{"there with another address", "cluster: {join: [192.0.2.12 198.51.100.12]}\n", "cluster: {join: [192.0.2.12 198.51.100.12]}\n"},
		{"none", "cluster: {}\n", "cluster: {join: ['192.0.2.12:7946']}\n"},
	} {
		got, err := WithPeer([]byte(tt.text), Peer{peer})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, tt.want)
		}
	}
}
