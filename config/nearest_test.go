package config

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"node", "interface", "vips", "rules", "key_file", "join_timeout", "mac"}
	for wrong, want := range map[string]string{
		"intreface": "interface", "Interface": "interface", "iface": "", "vip": "vips",
		"rule": "rules", "keyfile": "key_file", "key": "key_file", "jointimeout": "join_timeout",
		"noed": "node", "services": "", "x": "", "": "", "cam": "mac",
	} {
		if got, ok := nearest(wrong, words); got != want || ok != (want != "") {
			t.Errorf("nearest to %q is %q, %v, want %q", wrong, got, ok, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1},
		{"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want || distance(tt.b, tt.a) != tt.want {
			t.Errorf("distance of %q and %q is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
