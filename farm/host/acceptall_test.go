package host

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"

	"thresher/config"
)

// A macvlan takes no unicast addresses by netlink (macvlan_fdb_add): it is made to
// accept every frame, also beyond the end of the process, until that is undone.
func TestAcceptAll(t *testing.T) {
	ns := machine(t)
	first, path := journalIn(t)
	ns.Do(t, func() error {
		parent, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		child := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mv0", ParentIndex: parent.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE}
		if err := netlink.LinkAdd(child); err != nil {
			return err
		}
		promiscuous := func(want bool) {
			t.Helper()
			if l, err := netlink.LinkByName("mv0"); err != nil || isPromiscuous(l) != want {
				t.Errorf("promiscuous: not %v (%v)", want, err)
			}
		}
		if err := first.AcceptMAC("mv0", config.MAC{0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x64}); !errors.Is(err, ErrNoAddressList) {
			t.Errorf("a macvlan's answer: %v", err)
		}
		for range 2 { // two VIPs
			if err := first.AcceptAll("mv0"); err != nil {
				return err
			}
		}
		promiscuous(true)
		next := reopen(t, path) // the first one crashed
		if got := next.Entries(); len(got) != 1 || got[0].Kind != KindPromiscuous {
			t.Errorf("recorded: %v", got)
		}
		if err := acceptOwn("mv0"); err != nil { // somebody turned it off
			return err
		}
		if err := next.AcceptAll("mv0"); err != nil {
			return err
		}
		promiscuous(true)
		if err := next.Undo(); err != nil {
			return err
		}
		promiscuous(false)
		return nil
	})
}

// What somebody else has turned on stays on.
func TestAcceptAllThatIsOnAlready(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	ns.Do(t, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := netlink.SetPromiscOn(l); err != nil {
			return err
		}
		if err := j.AcceptAll("eth0"); err != nil {
			return err
		}
		if got := onDisk(t, path); got != nil {
			t.Errorf("recorded: %v", got)
		}
		return nil
	})
}
