package config

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// digestConfig has two VIPs, so that their order can change.
func digestConfig() *Config {
	c := goodConfig()
	c.VIPs = append(c.VIPs, VIP{addr("192.0.2.99"), Flood, FloodMAC(addr("192.0.2.99"))})
	c.Cluster.Keys = testKeys()
	return c
}

func TestCanonical(t *testing.T) {
	want := `default deny
vip 192.0.2.99 flood 5a:fe:c0:00:02:63
vip 192.0.2.100 flood 5a:fe:c0:00:02:64
rule "web" tcp client ports 80 443 vips 192.0.2.99 192.0.2.100
rule "dns" udp client ports 53 vips 192.0.2.99 192.0.2.100
`
	if diff := cmp.Diff(want, digestConfig().Canonical()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestRulesDigest(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
		same bool
	}{
		{"nothing", func(*Config) {}, true},
		{"weight", func(c *Config) { c.Rules[0].Weight = 7 }, true},
		{"priority and nodes", func(c *Config) { c.Rules[0].Priority, c.Rules[0].Nodes = 7, []string{"web1"} }, true},
		{"node", func(c *Config) { c.Node, c.Interface = "web2", "eth1" }, true},
		{"cluster", func(c *Config) { c.Cluster.Bind, c.Cluster.Profile = port("192.0.2.12:7946"), WAN }, true},
		{"gossip key", func(c *Config) { c.Cluster.Keys.Gossip[0]++ }, true},
		{"order of VIPs", func(c *Config) { slices.Reverse(c.VIPs) }, true},
		{"all VIPs by name", func(c *Config) { c.Rules[0].VIPs = []netip.Addr{c.VIPs[0].Address, c.VIPs[1].Address} }, true},

		{"hash key", func(c *Config) { c.Cluster.Keys.Hash.Secret[15]++ }, false},
		{"hash function", func(c *Config) { c.Cluster.Keys.Hash.Function = Multilinear }, false},
		{"no hash key", func(c *Config) { c.Cluster.Keys = Keys{} }, false},
		{"VIP", func(c *Config) { c.VIPs[0].Address = addr("192.0.2.98") }, false},
		{"VIP mode", func(c *Config) { c.VIPs[0].Mode++ }, false},
		{"VIP MAC", func(c *Config) { c.VIPs[0].MAC[5]++ }, false},
		{"fewer VIPs", func(c *Config) { c.VIPs = c.VIPs[:1] }, false},
		{"rule name", func(c *Config) { c.Rules[0].Name = "www" }, false},
		{"protocol", func(c *Config) { c.Rules[0].Protocol = UDP }, false},
		{"port", func(c *Config) { c.Rules[0].Ports[1].Last++ }, false},
		{"affinity", func(c *Config) { c.Rules[0].Affinity = Session }, false},
		{"mode single", func(c *Config) { c.Rules[0].Mode = ModeSingle }, false},
		{"mode block", func(c *Config) { c.Rules[0].Mode = ModeBlock }, false},
		{"network", func(c *Config) { c.Rules[0].Affinity = Network }, false},
		{"sticky", func(c *Config) { c.Rules[0].Sticky = 1 }, false},
		{"forward", func(c *Config) { c.Rules[1].Forward = true }, false},
		{"one VIP of a rule", func(c *Config) { c.Rules[0].VIPs = []netip.Addr{c.VIPs[0].Address} }, false},
		{"order of rules", func(c *Config) { slices.Reverse(c.Rules) }, false},
		{"default", func(c *Config) { c.Default++ }, false},
	}
	want := digestConfig().RulesDigest()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := digestConfig()
			tt.edit(c)
			if same := c.RulesDigest() == want; same != tt.same {
				t.Errorf("same digest: %v, want %v", same, tt.same)
			}
		})
	}
	// The value is part of what nodes of different versions say to each other.
	if want != goldenDigest {
		t.Errorf("digest %#x, want %#x", want, uint64(goldenDigest))
	}
}

// goldenDigest was computed by Python's hmac module from testKeys' hash key and
// the text in TestCanonical.
const goldenDigest = 0xb6b176f72a972ec4
