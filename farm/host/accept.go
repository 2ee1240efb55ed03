package host

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ErrNoAddressList says that an interface's driver keeps no list of addresses
// that could be added to: use a MACFilter.
var ErrNoAddressList = errors.New("the driver takes no further addresses by netlink")

// AcceptMAC has an interface accept frames to a further Ethernet address, after
// recording it: by an entry of the interface's own list, which stays until it is
// undone, however this process ends. One that this journal has recorded is added
// if it has gone since. It needs CAP_NET_ADMIN. The error is ErrNoAddressList
// where the driver refuses, and then nothing is recorded.
func (j *Journal) AcceptMAC(link string, mac config.MAC) error {
	e := Entry{Kind: KindMAC, Link: link, MAC: mac.String()}
	if err := e.check(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l, err := netlink.LinkByName(link)
	if err != nil {
		return fmt.Errorf("accept frames to %v on %s: %w", mac, link, err)
	}
	return j.ensure(e, func() error { return acceptMAC(l, mac) })
}

// acceptMAC adds the entry as `bridge fdb add MAC dev LINK self permanent` does
// (ndo_dflt_fdb_add, net/core/rtnetlink.c). One that is there does no harm.
func acceptMAC(l netlink.Link, mac config.MAC) error {
	err := netlink.NeighSet(selfEntry(l, mac.HardwareAddr()))
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("accept frames to %v on %s: %w: %w", mac, l.Attrs().Name, ErrNoAddressList, err)
	case err != nil:
		return fmt.Errorf("accept frames to %v on %s: %w%s", mac, l.Attrs().Name, err, cureOf(err))
	}
	return nil
}

func selfEntry(l netlink.Link, mac net.HardwareAddr) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: l.Attrs().Index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_SELF,
		State: netlink.NUD_PERMANENT, HardwareAddr: mac,
	}
}

// refuseMAC removes the entry, if both it and its interface are there.
func refuseMAC(link, mac string) error {
	l, err := netlink.LinkByName(link)
	if isNoLink(err) {
		return nil
	}
	if err != nil {
		return err
	}
	address, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	if err := netlink.NeighDel(selfEntry(l, address)); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
