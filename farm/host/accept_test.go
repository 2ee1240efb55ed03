package host

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"thresher/config"
)

func TestAcceptedAddressOutlivesTheProcess(t *testing.T) {
	ns := machine(t)
	first, path := journalIn(t)
	macs := []config.MAC{{0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x64}, {0x03, 0xbf, 0xc0, 0x00, 0x02, 0x64}}
	ns.Do(t, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		index := l.Attrs().Index
		before := ungrouped(accepted(t, index))
		for _, mac := range macs {
			if err := first.AcceptMAC("eth0", mac); err != nil {
				return err
			}
		}
		next := reopen(t, path) // the first one crashed
		if got := next.Entries(); len(got) != len(macs) || got[0].MAC != macs[0].String() {
			t.Errorf("recorded: %v", got)
		}
		if err := refuseMAC("eth0", macs[0].String()); err != nil { // somebody took it away
			return err
		}
		for _, mac := range macs {
			if err := next.AcceptMAC("eth0", mac); err != nil {
				t.Error(err)
			}
			if got := accepted(t, index); !slices.Contains(got, mac.String()) {
				t.Errorf("%v is not in the list %v", mac, got)
			}
		}
		if got := next.Entries(); len(got) != len(macs) {
			t.Errorf("recorded twice: %v", got)
		}
		if err := next.Undo(); err != nil {
			return err
		}
		if diff := cmp.Diff(before, ungrouped(accepted(t, index))); diff != "" {
			t.Errorf("undone (-before +after):\n%s", diff)
		}
		return next.Undo()
	})
}

// ungrouped leaves out IPv6's own groups, which come when the kernel gets to it.
func ungrouped(macs []string) []string {
	return slices.DeleteFunc(macs, func(mac string) bool { return strings.HasPrefix(mac, "33:33:") })
}

// lo is no Ethernet, so that the kernel takes no address for it.
func TestAddressThatIsNotTaken(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	ns.Do(t, func() error {
		if err := j.AcceptMAC("lo", config.MAC{2}); !errors.Is(err, ErrNoAddressList) {
			t.Errorf("error = %v", err)
		}
		if got := onDisk(t, path); got != nil {
			t.Errorf("recorded: %v", got)
		}
		return nil
	})
}

// What is wanted again stays as it is; the rest is undone.
func TestUndoExcept(t *testing.T) {
	ns := machine(t)
	first, path := journalIn(t)
	ns.Do(t, func() error {
		if err := changeAll(t, first); err != nil {
			return err
		}
		kept := []Entry{{Kind: KindAddress, Link: "lo", Prefix: vip4}, {Kind: KindLink, Link: "thr0"}}
		next := reopen(t, path)
		if err := next.UndoExcept(func(e Entry) bool { return slices.Contains(kept, e) }); err != nil {
			return err
		}
		if diff := cmp.Diff(kept, onDisk(t, path), equalEntries); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"192.0.2.100/32"}, addresses(t, "lo")); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
		if got := sysctlOf(t, ignoreDotted) + sysctlOf(t, announce); got != "00" {
			t.Errorf("sysctls = %s", got)
		}
		if _, err := netlink.LinkByName("thr0"); err != nil {
			t.Error(err)
		}
		if err := removeAddress("lo", vip4); err != nil { // by somebody else
			return err
		}
		if err := next.AddAddress("lo", vip4); err != nil || len(addresses(t, "lo")) != 1 {
			t.Errorf("added again: %v, %v", addresses(t, "lo"), err)
		}
		return next.Undo()
	})
}
