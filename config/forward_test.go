package config

import (
	"net/netip"
	"slices"
	"testing"
)

func TestForwarded(t *testing.T) {
	a, b := addr("192.0.2.100"), addr("192.0.2.101")
	one := func(forward bool, vips ...netip.Addr) Rule { return Rule{Forward: forward, VIPs: vips} }
	for _, tt := range []struct {
		name  string
		rules []Rule
		want  []netip.Addr
	}{
		{"no rule forwards", []Rule{one(false), one(false, b)}, nil},
		{"one for all VIPs", []Rule{one(false), one(true)}, []netip.Addr{a, b}},
		{"one VIP's", []Rule{one(false, a), one(true, b)}, []netip.Addr{b}},
		{"two for one VIP", []Rule{one(true, b), one(true, b)}, []netip.Addr{b}},
	} {
		c := &Config{VIPs: []VIP{{Address: a}, {Address: b}}, Rules: tt.rules}
		if got := c.Forwarded(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
