package host

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AcceptAll has an interface accept every frame (IFF_PROMISC), after recording it: for
// drivers that AcceptMAC is refused by. It stays until it is undone, however this
// process ends. One that accepts every frame already is left alone, and nothing
// recorded: that is somebody else's to undo. It needs CAP_NET_ADMIN.
func (j *Journal) AcceptAll(link string) error {
	e := Entry{Kind: KindPromiscuous, Link: link}
	if err := e.check(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l, err := netlink.LinkByName(link)
	if err != nil {
		return fmt.Errorf("accept every frame on %s: %w", link, err)
	}
	if isPromiscuous(l) {
		return nil
	}
	return j.ensure(e, func() error {
		if err := netlink.SetPromiscOn(l); err != nil {
			return fmt.Errorf("accept every frame on %s: %w%s", link, err, cureOf(err))
		}
		return nil
	})
}

// isPromiscuous tells whether somebody has asked for every frame by netlink or ioctl. Packet
// sockets that do are not counted (dev_get_flags, net/core/dev.c).
func isPromiscuous(l netlink.Link) bool { return l.Attrs().RawFlags&unix.IFF_PROMISC != 0 }

// acceptOwn has the interface accept what is for it alone again, if it is there.
func acceptOwn(link string) error {
	l, err := netlink.LinkByName(link)
	if isNoLink(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.SetPromiscOff(l)
}
