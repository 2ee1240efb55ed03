package farm

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/host"
)

func TestGroups(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("2001:db8::304")
	cfg := &config.Config{VIPs: []config.VIP{
		{Address: netip.MustParseAddr("192.0.2.99"), Mode: config.Flood, MAC: config.FloodMAC(four)},
		{Address: four, Mode: config.IGMP, MAC: config.IGMPMAC(four)},
		{Address: six, Mode: config.IGMP, MAC: config.IGMPMAC(six)},
	}}
	var got []string
	for _, p := range groups(cfg) {
		got = append(got, p.String())
	}
	if diff := cmp.Diff([]string{"239.255.2.100/32", "239.255.3.4/32", "ff15::efff:304/128"}, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	want := []string{"net/ipv4/conf/eth0/drop_unicast_in_l2_multicast", "net/ipv6/conf/eth0/drop_unicast_in_l2_multicast"}
	dropped := func() (names []string) {
		for _, s := range noUnicastInGroups(cfg, "eth0") {
			names = append(names, s.name)
		}
		return names
	}
	if diff := cmp.Diff(want, dropped()); diff != "" {
		t.Errorf("sysctls (-want +got):\n%s", diff)
	}
	for _, e := range []host.Entry{
		{Kind: host.KindAddress, Link: "eth0", Prefix: netip.MustParsePrefix("239.255.2.100/32")},
		{Kind: host.KindSysctl, Name: want[0]},
	} {
		if !wanted(e, cfg, &netlink.LinkAttrs{Name: "eth0"}) {
			t.Errorf("%v is not kept", e)
		}
	}
	if wanted(host.Entry{Kind: host.KindAddress, Link: "eth0", Prefix: netip.MustParsePrefix("239.255.2.99/32")}, cfg, &netlink.LinkAttrs{Name: "eth0"}) {
		t.Error("a group of no VIP is kept")
	}
	cfg.VIPs = cfg.VIPs[:1]
	if len(groups(cfg)) != 0 {
		t.Error("flood needs no groups")
	}
	if diff := cmp.Diff(want[:1], dropped()); diff != "" {
		t.Errorf("sysctls of an IPv4 VIP in mode flood (-want +got):\n%s", diff)
	}
}
