package farm

import (
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/host"
	"thresher/internal/netnstest"
)

// The kernel answers for a VIP in mode directed as soon as the machine has it, since its
// frames are to the interface's own address: it comes after the others, and all of them
// go while everything else is as it was.
func TestDirectedComesLastAndVIPsGoFirst(t *testing.T) {
	flood, directed := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("192.0.2.101")
	cfg := &config.Config{
		VIPs:     []config.VIP{{Address: flood, Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}, {Address: directed, Mode: config.Directed}},
		Datapath: config.Datapath{Pin: true},
	}
	ns, far := netnstest.New(t), netnstest.New(t)
	ns.Veth(t, "eth0", far, "peer", 1)
	ns.Do(t, func() error {
		nic, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		m := &machine{}
		if m.journal, err = host.Open(filepath.Join(t.TempDir(), host.JournalFile)); err != nil {
			return err
		}
		steps := []struct {
			name string
			do   func() error
			want []netip.Addr
		}{
			{"prepare", func() error { return m.prepare(cfg, nic) }, []netip.Addr{flood}},
			{"own", func() error { return m.ownDirected(cfg) }, []netip.Addr{flood, directed}},
			{"again", func() error { return m.prepare(cfg, nic) }, []netip.Addr{flood, directed}},
			{"disown", m.disown, nil},
		}
		for _, step := range steps {
			if err := step.do(); err != nil {
				return err
			}
			if got := vipsOnLoopback(t); !slices.Equal(got, step.want) {
				t.Errorf("%s: lo has %v, want %v", step.name, got, step.want)
			}
		}
		if len(m.journal.Entries()) == 0 {
			t.Error("more than the VIPs was taken back")
		}
		return m.journal.Undo()
	})
}

// vipsOnLoopback are lo's addresses of IPv4 but its own.
func vipsOnLoopback(t *testing.T) (list []netip.Addr) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := netlink.AddrList(lo, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if one, ok := netip.AddrFromSlice(a.IP); ok && !one.Unmap().IsLoopback() {
			list = append(list, one.Unmap())
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}
