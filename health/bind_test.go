package health

import (
	"net/netip"
	"strings"
	"testing"

	"thresher/internal/netnstest"
)

func TestOwnAddress(t *testing.T) {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "peer0", 1)
	ns.Addr(t, "eth0", "192.0.2.11/24")
	for _, tt := range []struct {
		address string
		level   Level
		says    string
	}{
		{"192.0.2.11", LevelOK, "192.0.2.11"},
		{"127.0.0.1", LevelOK, "127.0.0.1"},
		{"192.0.2.12", LevelError, "no interface of this machine has the address 192.0.2.12"},
		{"2001:db8::1", LevelError, "no interface of this machine has the address 2001:db8::1"},
	} {
		ns.Do(t, func() error {
			f := OwnAddress("api.listen", netip.MustParseAddr(tt.address))
			if f.Level != tt.level || !strings.Contains(f.What, tt.says) || strings.Contains(f.Cure, "set api.listen") == (f.Level == LevelOK) {
				t.Errorf("%s: %v", tt.address, f)
			}
			return nil
		})
	}
}

// Each heartbeat network is judged for itself.
func TestOwnAddresses(t *testing.T) {
	binds := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7946"), netip.MustParseAddrPort("192.0.2.12:7946")}
	ns := netnstest.New(t)
	ns.Do(t, func() error {
		if all := OwnAddresses(binds); len(all) != 2 || all[0].Level != LevelOK || all[1].Level != LevelError {
			t.Errorf("%v", all)
		}
		return nil
	})
}

func TestFindInterface(t *testing.T) {
	ns := netnstest.New(t)
	ns.Do(t, func() error {
		if problem, cure := FindInterface("eth0"); problem != `this machine has no interface "eth0"` || cure != "this machine has none but lo" {
			t.Errorf("on an empty machine: %q, %q", problem, cure)
		}
		return nil
	})
	ns.Veth(t, "eth0", ns, "wan0", 1)
	ns.Do(t, func() error {
		if problem, cure := FindInterface("eth0"); problem != "" || cure != "" {
			t.Errorf("eth0 is there: %q, %q", problem, cure)
		}
		if _, cure := FindInterface("eth1"); cure != "nearest are eth0, wan0" {
			t.Errorf("eth1: %q", cure)
		}
		return nil
	})
}

// A machine that has one of its heartbeat networks left is still in the farm.
func TestLostAddresses(t *testing.T) {
	here, gone := netip.MustParseAddrPort("127.0.0.1:7946"), netip.MustParseAddrPort("192.0.2.12:7946")
	ns := netnstest.New(t)
	ns.Do(t, func() error {
		if lost := LostAddresses([]netip.AddrPort{gone, here}); len(lost) != 0 {
			t.Errorf("with one of two: %v", lost)
		}
		if lost := LostAddresses([]netip.AddrPort{gone}); len(lost) != 1 || !strings.Contains(lost[0].What, "192.0.2.12 of cluster.bind") {
			t.Errorf("with none: %v", lost)
		}
		return nil
	})
}
