package pipeline

import (
	"net/netip"
	"testing"

	"thresher/config"
)

// Find must agree with what a packet to the same place is judged by.
func TestFindRule(t *testing.T) {
	r := testTable(t, true).Rules
	for _, tt := range []struct {
		name     string
		protocol config.Protocol
		vip      netip.Addr
		port     uint16
		want     string
	}{
		{"a rule's port", config.TCP, vipA.Address, 80, "web"},
		{"mapped address", config.TCP, netip.AddrFrom16(vipA.Address.As16()), 80, "web"},
		{"last port of a range", config.TCP, vipA.Address, 8010, "web"},
		{"past the range", config.TCP, vipA.Address, 8011, ""},
		{"the other protocol's rule", config.TCP, vipA.Address, 53, ""},
		{"udp", config.UDP, vipA.Address, 53, "dns"},
		{"no such protocol", 1, vipA.Address, 80, ""},
		{"no VIP", config.TCP, netip.MustParseAddr("192.0.2.99"), 80, ""},
		{"no VIP, IPv6", config.TCP, netip.MustParseAddr("2001:db8::1"), 80, ""},
		{"a rule of another VIP", config.TCP, vipA.Address, 25, ""},
		{"a rule of this VIP", config.TCP, vipB.Address, 25, "mail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, ok := r.Find(tt.protocol, tt.vip, tt.port)
			if ok != (tt.want != "") || ok && testRules[rule].Name != tt.want {
				t.Errorf("rule %d, %v; want %q", rule, ok, tt.want)
			}
		})
	}
}
