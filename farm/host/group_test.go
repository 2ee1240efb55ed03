package host

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		before := accepted(t, l.Attrs().Index)
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
		if diff := cmp.Diff(before, accepted(t, l.Attrs().Index)); diff != "" {
			t.Errorf("undone (-before +after):\n%s", diff)
		}
		return nil
	})
}
