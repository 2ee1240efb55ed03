package host

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress adds an address to an interface, after recording it; one that this
// journal has recorded is added if it has gone since. An address that is on the machine
// already, on any interface, is an error: removing it afterwards would take away
// something that is not ours. An IPv6 address is added without duplicate address
// detection (IFA_F_NODAD), since every node of the farm has it, and deprecated. The
// address of a group makes the interface a member of it (IFA_F_MCAUTOJOIN,
// ip-address(8)): the kernel reports the membership and answers queries, also when
// this process has ended.
func (j *Journal) AddAddress(link string, prefix netip.Prefix) error {
	e := Entry{Kind: KindAddress, Link: link, Prefix: prefix}
	if err := e.check(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l, err := netlink.LinkByName(link)
	if err != nil {
		return fmt.Errorf("add address %v to %s: %w", prefix, link, err)
	}
	if j.holds(e) {
		err := netlink.AddrAdd(l, netlinkAddr(prefix))
		switch {
		case err == nil:
			j.again(e)
		case !errors.Is(err, unix.EEXIST):
			return fmt.Errorf("add address %v to %s: %w%s", prefix, link, err, cureOf(err))
		}
		return nil
	}
	if err := mustBeFree(prefix.Addr()); err != nil {
		return err
	}
	return j.make(e, func() error {
		if err := netlink.AddrAdd(l, netlinkAddr(prefix)); err != nil {
			return fmt.Errorf("add address %v to %s: %w%s", prefix, link, err, cureOf(err))
		}
		return nil
	})
}

func cureOf(err error) string {
	switch {
	case errors.Is(err, unix.EPERM):
		return "; run as root or grant CAP_NET_ADMIN"
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return "; is IPv6 off in this kernel (ipv6.disable=1)?"
	}
	return ""
}

func netlinkAddr(prefix netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{
		IP:   prefix.Addr().AsSlice(),
		Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
	}}
	if prefix.Addr().Is6() {
		// Deprecated from the start, it is the source of none of this machine's own
		// connections that do not ask for it (RFC 6724, 5, rule 3), which would be
		// answered to the whole farm.
		a.Flags, a.ValidLft, a.PreferedLft = unix.IFA_F_NODAD, int(forever()), 0
	}
	if prefix.Addr().IsMulticast() {
		a.Flags |= unix.IFA_F_MCAUTOJOIN
	}
	return a
}

// forever is a lifetime that does not end (RFC 4861, 4.6.2).
func forever() uint32 { return math.MaxUint32 }

// mustBeFree makes sure that no interface has the address.
func mustBeFree(addr netip.Addr) error {
	found, err := Strays([]netip.Addr{addr}, nil)
	if err != nil || len(found) == 0 {
		return err
	}
	return errors.New(found[0].What() + ": " + found[0].Cure())
}

func linkName(index int) string {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Sprintf("interface %d", index)
	}
	return l.Attrs().Name
}

// removeAddress removes an address, if both it and its interface are there.
func removeAddress(link string, prefix netip.Prefix) error {
	l, err := netlink.LinkByName(link)
	if isNoLink(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = netlink.AddrDel(l, netlinkAddr(prefix))
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func isNoLink(err error) bool {
	var gone netlink.LinkNotFoundError
	return errors.As(err, &gone)
}
