package health

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"thresher/config"
)

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		vip, networks string
		want          string // what the finding begins with; empty for none
	}{
		{"192.0.2.100", "192.0.2.0/24", ""},
		{"192.0.2.255", "192.0.2.0/24", "error: 192.0.2.255 is the broadcast address of 192.0.2.0/24, eth0's"},
		{"192.0.2.127", "198.51.100.0/24 192.0.2.0/25", "error: 192.0.2.127 is the broadcast address of 192.0.2.0/25"},
		{"192.0.2.0", "192.0.2.0/24", "warn: 192.0.2.0 is the lowest address of 192.0.2.0/24"},
		{"198.51.100.1", "192.0.2.0/24", "warn: 198.51.100.1 is in no network of eth0 (192.0.2.0/24)"},
		{"198.51.100.1", "192.0.2.0/24 198.51.100.0/24", ""},
		{"198.51.100.1", "2001:db8::/64", ""},
		{"2001:db8::", "2001:db8::/64", ""},
		{"2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64", ""},
		{"2001:db8:1::1", "2001:db8::/64 192.0.2.0/24", "warn: 2001:db8:1::1 is in no network of eth0 (2001:db8::/64)"},
		{"198.51.100.1", "", ""},
	} {
		f := fit()
		for text := range strings.FieldsSeq(tt.networks) {
			f.Networks = append(f.Networks, netip.MustParsePrefix(text))
		}
		list := f.Places([]config.VIP{{Address: netip.MustParseAddr(tt.vip)}})
		switch {
		case tt.want == "" && len(list) == 0:
		case len(list) != 1 || tt.want == "" || !strings.HasPrefix(list[0].String(), tt.want) || list[0].Cure == "":
			t.Errorf("%s in %q: %v, want %q", tt.vip, tt.networks, list, tt.want)
		}
	}
}

// An address by itself says nothing of a network, nor does a link-local one.
func TestNetworksOfAnInterface(t *testing.T) {
	ns := machine(t)
	for _, a := range []string{"192.0.2.11/24", "192.0.2.12/24", "198.51.100.1/32", "203.0.113.4/31", "2001:db8::11/64"} {
		ns.Addr(t, "eth0", a)
	}
	ns.Do(t, func() error {
		f, err := Inspect("eth0")
		if want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}; !slices.Equal(f.Networks, want) {
			t.Errorf("networks %v, want %v", f.Networks, want)
		}
		return err
	})
}
