package farm

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/findings"
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
	onMachine(t, func(m *machine, nic netlink.Link) error {
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
		return nil
	})
}

// onMachine runs do on a machine of its own, which nothing has been changed on, and then
// takes back what do has changed.
func onMachine(t *testing.T, do func(m *machine, nic netlink.Link) error) {
	t.Helper()
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", netnstest.New(t), "peer", 1)
	ns.Do(t, func() error {
		nic, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		m := &machine{}
		if m.journal, err = host.Open(filepath.Join(t.TempDir(), host.JournalFile)); err != nil {
			return err
		}
		if err := do(m, nic); err != nil {
			return err
		}
		return m.journal.Undo()
	})
}

// TestWhatPrepareMakesIsKept: a start takes back nothing that it makes again, so that a
// restart does not leave the machine without it for a moment.
func TestWhatPrepareMakesIsKept(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("2001:db8::304")
	cfg := &config.Config{
		VIPs: []config.VIP{
			{Address: netip.MustParseAddr("192.0.2.99"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 99}},
			{Address: four, Mode: config.IGMP, MAC: config.IGMPMAC(four)}, {Address: six, Mode: config.IGMP, MAC: config.IGMPMAC(six)},
			{Address: netip.MustParseAddr("192.0.2.101"), Mode: config.Directed},
		},
		Rules:    []config.Rule{{Forward: true}},
		Datapath: config.Datapath{Pin: true},
	}
	onMachine(t, func(m *machine, nic netlink.Link) error {
		if err := errors.Join(m.prepare(cfg, nic), m.ownDirected(cfg)); err != nil {
			return err
		}
		made := m.journal.Entries()
		if !slices.ContainsFunc(made, func(e host.Entry) bool { return e.Name == findings.LooseSysctl }) {
			t.Errorf("conntrack is not strict among %v", made)
		}
		for _, e := range made {
			if !wanted(e, cfg, nic.Attrs()) {
				t.Errorf("%v is not kept", e)
			}
		}
		return nil
	})
}

// Another interface on the clients' segment must not answer for a VIP with its own
// address either, and what was set for that is taken back.
func TestNoOtherInterfaceAnswersForAVIP(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.100")
	cfg := &config.Config{VIPs: []config.VIP{{Address: vip, Mode: config.IGMP}}}
	ns, segment := netnstest.New(t), netnstest.New(t)
	ns.Veth(t, "eth0", netnstest.New(t), "peer", 1)
	ns.Veth(t, "eth1", segment, "client", 1)
	segment.Addr(t, "client", "192.0.2.9/24")
	ns.Addr(t, "eth1", "192.0.2.8/24")
	answered := func(within time.Duration) (by net.HardwareAddr) {
		segment.Do(t, func() (err error) {
			by, err = askARP("client", vip, within)
			return err
		})
		return by
	}
	m := &machine{}
	ns.Do(t, func() (err error) {
		m.journal, err = host.Open(filepath.Join(t.TempDir(), host.JournalFile))
		return err
	})
	prepare := func() {
		ns.Do(t, func() error {
			nic, err := netlink.LinkByName("eth0")
			return errors.Join(err, m.prepare(cfg, nic))
		})
	}
	prepare()
	const moment, patience = 300 * time.Millisecond, 10 * time.Second
	if by := answered(moment); by != nil {
		t.Errorf("%v answers for the VIP", by)
	}
	ns.Do(t, func() error { return setSysctl("net/ipv4/conf/all/arp_ignore", "0") })
	if by := answered(patience); by == nil {
		t.Error("nobody would answer without the sysctl: this tests nothing")
	}
	prepare() // as the daemon does when it looks at its machine
	if by := answered(moment); by != nil {
		t.Errorf("%v answers for the VIP after another has taken the sysctl back", by)
	}
	ns.Do(t, func() error {
		err := m.journal.Undo()
		for _, name := range []string{"arp_ignore", "arp_announce"} {
			if v, _ := os.ReadFile("/proc/sys/net/ipv4/conf/all/" + name); strings.TrimSpace(string(v)) != "0" {
				t.Errorf("%s is %q afterwards", name, v)
			}
		}
		return err
	})
}

// askARP asks by an interface who has an address: nil if nobody says so within a while.
func askARP(name string, of netip.Addr, within time.Duration) (net.HardwareAddr, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	c, err := arp.Dial(ifi)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	mac, err := c.Resolve(of)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return mac, err
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
