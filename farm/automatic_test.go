package farm

import (
	"net/netip"
	"slices"
	"testing"

	"thresher/config"
)

func TestVIPChecks(t *testing.T) {
	vip := func(a string) config.VIP { return config.VIP{Address: netip.MustParseAddr(a)} }
	own := func(c config.Check) config.Config {
		return config.Config{Interface: "eth0", VIPs: []config.VIP{vip("192.0.2.100")}, Checks: []config.Check{c}}
	}
	for _, tt := range []struct {
		name string
		cfg  config.Config
		want []string
	}{
		{"two VIPs", config.Config{Interface: "eth0", VIPs: []config.VIP{vip("192.0.2.100"), vip("2001:db8::100")}},
			[]string{"interface eth0", "address 192.0.2.100", "address 2001:db8::100"}},
		{"no VIP", config.Config{Interface: "eth0"}, nil},
		{"switched off", config.Config{Interface: "eth0", VIPs: []config.VIP{vip("192.0.2.100")}, Life: config.Life{NoVIPChecks: true}}, nil},
		{"the file has one of the interface", own(config.Check{Name: "link", Interface: config.InterfaceCheck{Interface: "eth0", MinSpeed: 1000}}),
			[]string{"address 192.0.2.100"}},
		{"the file has one of the address", own(config.Check{Name: "vip", Address: config.AddressCheck{Address: netip.MustParseAddr("192.0.2.100")}}),
			[]string{"interface eth0"}},
		{"the file has one of another address", own(config.Check{Name: "db", Address: config.AddressCheck{Address: netip.MustParseAddr("192.0.2.7")}}),
			[]string{"interface eth0", "address 192.0.2.100"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range vipChecks(&tt.cfg) {
				got = append(got, c.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
