package findings

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"thresher/config"
	"thresher/farm/host"
	"thresher/health"
	"thresher/internal/netnstest"
)

// What check says beforehand of the VIPs: the daemon's own on lo are as they should be,
// all others are not, wherever they are.
func TestNetwork(t *testing.T) {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "peer0", 1)
	ns.Addr(t, "eth0", "192.0.2.11/24")
	vip := netip.MustParsePrefix("192.0.2.100/32")
	cfg := &config.Config{
		Node: "web1", RunDir: t.TempDir(), Interface: "eth0", VIPs: []config.VIP{{Address: vip.Addr()}},
		Cluster: config.Cluster{Join: []config.Peer{{netip.MustParseAddrPort("192.0.2.12:7946")}}},
	}
	bad := func(mtu int) (texts []string) {
		ns.Do(t, func() error {
			list, err := NetworkBefore(cfg, health.Facts{
				Interface: "eth0", IPv4: true, MTU: mtu, PageSize: 4096, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			})
			for _, f := range list {
				if f.Level == health.LevelError {
					texts = append(texts, f.String())
				}
			}
			return err
		})
		return texts
	}
	expect := func(when string, got []string, want ...string) {
		t.Helper()
		if !slices.EqualFunc(got, want, strings.Contains) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	expect("without a VIP", bad(1500))
	expect("with a short MTU", bad(400), "MTU 400 of eth0 has no room for heartbeats, which need 503; ip link set eth0 mtu 1500")
	ns.Addr(t, "eth0", "192.0.2.100/24")
	expect("with the VIP on the interface", bad(1500), "ip address del 192.0.2.100/24 dev eth0")
	ns.Do(t, func() error {
		j, err := host.Open(filepath.Join(cfg.RunDir, cfg.Node, host.JournalFile))
		if err != nil {
			return err
		}
		return j.AddAddress("peer0", netip.MustParsePrefix("192.0.2.101/32"))
	})
	ns.Addr(t, "peer0", "192.0.2.100/32")
	expect("with two of them", bad(1500), "dev peer0", "dev eth0")
	cfg.VIPs[0].Address = netip.MustParseAddr("192.0.2.101")
	expect("with the daemon's own", bad(1500))
	cfg.VIPs[0].Address = netip.MustParseAddr("192.0.2.255")
	expect("with a VIP that is no host's", bad(1500), "192.0.2.255 is the broadcast address of 192.0.2.0/24")
	cfg.VIPs[0].Address = netip.MustParseAddr("192.0.2.101")
	cfg.Datapath.ZeroCopy = config.ZeroCopyOn
	expect("with zero copy that must be had", bad(1500))
	expect("with that, and frames in pieces", bad(9000), "MTU of 9000")
}

// What was joined below the interface comes back from AF_XDP without a whole checksum.
func TestJoined(t *testing.T) {
	for _, tt := range []struct {
		name    string
		driver  string
		offload config.Offload
		xdp     config.XDPMode
		joined  []string
		want    int
	}{
		{"bridge, none", "bridge", config.OffloadNone, config.XDPAuto, []string{"eth1"}, 1},
		{"bridge, reject", "bridge", config.OffloadReject, config.XDPAuto, []string{"eth1"}, 1},
		{"bridge, full", "bridge", config.OffloadFull, config.XDPAuto, []string{"eth1"}, 0},
		{"bridge, joins nothing", "bridge", config.OffloadNone, config.XDPAuto, nil, 0},
		{"bond", "bonding", config.OffloadNone, config.XDPAuto, []string{"eth1"}, 0},
		{"bond, generic", "bonding", config.OffloadNone, config.XDPGeneric, []string{"eth1"}, 1},
	} {
		cfg := &config.Config{Datapath: config.Datapath{Offload: tt.offload, XDP: tt.xdp}}
		found := joined(cfg, health.Facts{Interface: "br0", Driver: tt.driver, Joined: tt.joined})
		if len(found) != tt.want {
			t.Errorf("%s: %v, want %d findings", tt.name, found, tt.want)
		}
		for _, f := range found {
			if f.Level != health.LevelWarn || !strings.Contains(f.Cure, "ethtool -K eth1 gro off") {
				t.Errorf("%s: %v", tt.name, f)
			}
		}
	}
}
