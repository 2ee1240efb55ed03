package host

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// The interface is a member of a group for as long as it has its address, and a
// member again after Rejoin.
func TestGroupIsJoined(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	ns.Do(t, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		const mac4, mac6 = "01:00:5e:7f:02:64", "33:33:ef:ff:02:64"
		for _, group := range []string{"239.255.2.100/32", "ff15::efff:264/128"} {
			if err := j.AddAddress("eth0", netip.MustParsePrefix(group)); err != nil {
				return err
			}
		}
		next := reopen(t, path)                                                                  // the first one crashed
		if err := removeAddress("eth0", netip.MustParsePrefix("239.255.2.100/32")); err != nil { // by somebody else
			return err
		}
		if err := next.Rejoin("eth0"); err != nil {
			return err
		}
		for _, mac := range []string{mac4, mac6} {
			if got := accepted(t, l.Attrs().Index); !slices.Contains(got, mac) {
				t.Errorf("%v is not in the list %v", mac, got)
			}
		}
		if err := next.Undo(); err != nil {
			return err
		}
		left := accepted(t, l.Attrs().Index)
		if slices.Contains(left, mac4) || slices.Contains(left, mac6) {
			t.Errorf("after undoing: %v", left)
		}
		return nil
	})
}

// A membership of a socket ends with it.
func TestMemberForAsLongAsTheProcess(t *testing.T) {
	ns := machine(t)
	ns.Addr(t, "eth0", "192.0.2.11/24")
	ns.Do(t, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		for group, mac := range map[string]string{"239.255.2.100": "01:00:5e:7f:02:64", "ff15::efff:264": "33:33:ef:ff:02:64"} {
			m, err := JoinGroup(l.Attrs().Index, netip.MustParseAddr(group))
			if err != nil {
				return err
			}
			if got := accepted(t, l.Attrs().Index); !slices.Contains(got, mac) {
				t.Errorf("%v is not in the list %v", mac, got)
			}
			if err := errors.Join(m.Close(), m.Close()); err != nil {
				return err
			}
			if got := accepted(t, l.Attrs().Index); slices.Contains(got, mac) {
				t.Errorf("%v is still in the list %v", mac, got)
			}
		}
		_, err = JoinGroup(l.Attrs().Index, netip.MustParseAddr("192.0.2.1"))
		if err == nil {
			t.Error("joined what is no group")
		}
		return nil
	})
}
