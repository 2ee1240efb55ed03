package health

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"thresher/config"
)

// fit is a machine with nothing wrong.
func fit() Facts {
	return Facts{
		Kernel: Kernel{"6.1.0", 6, 1}, Interface: "eth0", Index: 2, MAC: config.MAC{2}, MTU: 1500,
		Driver: "virtio_net", Queues: 2, Up: true, IPv4: true, SysctlsWritable: true, SYNCookies: "1", PageSize: 4096,
	}
}

func TestFindings(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Facts)
		xdp    config.XDPMode
		level  Level
		want   []string // in the one finding that is not ok
	}{
		"old kernel":       {func(f *Facts) { f.Kernel = Kernel{"5.15.0", 5, 15} }, config.XDPAuto, LevelError, []string{"5.15.0", "6.1"}},
		"rights":           {func(f *Facts) { f.MissingRights = []string{"CAP_BPF"} }, config.XDPAuto, LevelError, []string{"CAP_BPF", "root"}},
		"no ethernet":      {func(f *Facts) { f.MAC = config.MAC{} }, config.XDPAuto, LevelError, []string{"eth0", "Ethernet"}},
		"down":             {func(f *Facts) { f.Up = false }, config.XDPAuto, LevelWarn, []string{"ip link set eth0 up"}},
		"sysctls":          {func(f *Facts) { f.SysctlsWritable = false }, config.XDPAuto, LevelError, []string{"ProtectKernelTunables"}},
		"no cookies":       {func(f *Facts) { f.SYNCookies = "0" }, config.XDPAuto, LevelWarn, []string{"tcp_syncookies=1"}},
		"lro":              {func(f *Facts) { f.LRO = true }, config.XDPAuto, LevelWarn, []string{"ethtool -K eth0 lro off"}},
		"lro, native":      {func(f *Facts) { f.LRO = true }, config.XDPNative, LevelError, []string{"ethtool -K eth0 lro off"}},
		"gro in hardware":  {func(f *Facts) { f.GROHW = true }, config.XDPAuto, LevelWarn, []string{"ethtool -K eth0 rx-gro-hw off"}},
		"hidden vlans":     {func(f *Facts) { f.HiddenVLANs = []string{"eth0.5"} }, config.XDPNative, LevelWarn, []string{"eth0.5", "ethtool -K eth0 rxvlan off"}},
		"mtu":              {func(f *Facts) { f.MTU = 3499 }, config.XDPAuto, LevelWarn, []string{"generic mode is used", "mtu 3498"}},
		"mtu, native":      {func(f *Facts) { f.MTU = 3499 }, config.XDPNative, LevelWarn, []string{"does not start", "mtu 3498", "datapath.xdp to auto"}},
		"mtu for a socket": {func(f *Facts) { f.MTU = 3827 }, config.XDPGeneric, LevelWarn, []string{"dropped and counted", "mtu 3826"}},
	} {
		f := fit()
		tc.change(&f)
		bad := slices.DeleteFunc(f.Findings(tc.xdp), func(x Finding) bool { return x.Level == LevelOK })
		if len(bad) != 1 || bad[0].Level != tc.level || bad[0].Cure == "" {
			t.Errorf("%s: findings %v, want one of level %v with a cure", name, bad, tc.level)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(bad[0].String(), want) {
				t.Errorf("%s: %v does not say %q", name, bad[0], want)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	four, six := config.VIP{Address: netip.MustParseAddr("192.0.2.100")}, config.VIP{Address: netip.MustParseAddr("2001:db8::100")}
	for name, tc := range map[string]struct {
		ipv4, linkLocal bool
		vips            []config.VIP
		want            []string // what each finding begins with
	}{
		"both":                    {true, true, []config.VIP{four, six}, []string{"ok: eth0 has an IPv4", "ok: eth0 has a link-local"}},
		"IPv4 alone":              {true, false, []config.VIP{four}, []string{"ok: eth0 has an IPv4"}},
		"IPv6 alone":              {false, true, []config.VIP{six}, []string{"ok: eth0 has a link-local"}},
		"no IPv4 address":         {false, true, []config.VIP{four, six}, []string{"error: eth0 has no IPv4", "ok: eth0 has a link-local"}},
		"no link-local address":   {true, false, []config.VIP{six}, []string{"error: eth0 has no link-local"}},
		"no VIP, no need of them": {false, false, nil, nil},
	} {
		f := fit()
		f.IPv4, f.LinkLocal = tc.ipv4, tc.linkLocal
		list := f.Addresses(tc.vips)
		ok := len(list) == len(tc.want)
		for i := 0; ok && i < len(list); i++ {
			ok = strings.HasPrefix(list[i].String(), tc.want[i]) && (list[i].Cure == "") == (list[i].Level == LevelOK)
		}
		if !ok {
			t.Errorf("%s: %v, want %q", name, list, tc.want)
		}
	}
}

func TestNothingWrongIsSaidWithoutCures(t *testing.T) {
	jumboGeneric, veth, edge := fit(), fit(), fit()
	jumboGeneric.MTU, edge.MTU = MaxSocketMTU, 3498
	veth.MTU, veth.Driver = 3506, "veth"
	for name, list := range map[string][]Finding{
		"plain":                   fit().Findings(config.XDPNative),
		"large mtu, generic mode": jumboGeneric.Findings(config.XDPGeneric),
		"largest on veth":         veth.Findings(config.XDPNative),
		"largest on a card":       edge.Findings(config.XDPNative),
	} {
		for _, f := range list {
			if f.Level != LevelOK || f.Cure != "" || !strings.HasPrefix(f.String(), "ok: ") {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}
