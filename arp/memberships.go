package arp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// memberships are the IPv6 multicast groups that an interface is in for this
// process. They belong to a socket, so the kernel leaves them when the process
// ends, however it ends; it tells the switches by MLD (RFC 3810).
type memberships struct {
	ifindex int

	mu     sync.Mutex
	fd     int // 0: none is open
	joined []netip.Addr
	closed bool
}

var _ groups = (*memberships)(nil)

// set joins and leaves what differs from before. A group that several VIPs share
// is joined once. With anew all are left and joined again, so that a switch that
// has forgotten them is told, and so is an interface whose IPv6 was off meanwhile.
func (m *memberships) set(groups []netip.Addr, anew bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	wanted := slices.Clone(groups)
	slices.SortFunc(wanted, netip.Addr.Compare)
	wanted = slices.Compact(wanted)
	var dropped error
	if anew {
		dropped = m.drop()
	}
	if m.fd == 0 && len(wanted) > 0 {
		if err := m.open(); err != nil {
			return errors.Join(dropped, err)
		}
	}
	return errors.Join(dropped, m.leave(wanted), m.join(wanted))
}

// leave leaves the groups that are no longer wanted. The caller holds m.mu.
func (m *memberships) leave(wanted []netip.Addr) error {
	var errs []error
	for _, g := range m.joined {
		if !slices.Contains(wanted, g) {
			errs = append(errs, m.option(unix.IPV6_LEAVE_GROUP, g))
		}
	}
	m.joined = slices.DeleteFunc(m.joined, func(g netip.Addr) bool { return !slices.Contains(wanted, g) })
	return errors.Join(errs...)
}

// join joins the groups that are new. One that cannot be joined the next set tries
// again. The caller holds m.mu.
func (m *memberships) join(wanted []netip.Addr) error {
	var errs []error
	for _, g := range wanted {
		if slices.Contains(m.joined, g) {
			continue
		}
		if err := m.option(unix.IPV6_JOIN_GROUP, g); err != nil {
			errs = append(errs, err)
			continue
		}
		m.joined = append(m.joined, g)
	}
	return errors.Join(errs...)
}

func (m *memberships) open() (err error) {
	m.fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.fd = 0
		return fmt.Errorf("open a socket for multicast groups: %w", err)
	}
	return nil
}

// drop closes the socket, and with it leaves every group.
func (m *memberships) drop() error {
	if m.fd == 0 {
		return nil
	}
	err := unix.Close(m.fd)
	m.fd, m.joined = 0, nil
	return err
}

func (m *memberships) option(which int, group netip.Addr) error {
	err := unix.SetsockoptIPv6Mreq(m.fd, unix.IPPROTO_IPV6, which,
		&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(m.ifindex)})
	switch {
	case which == unix.IPV6_LEAVE_GROUP && errors.Is(err, unix.EADDRNOTAVAIL), err == nil:
		return nil // left with the interface's IPv6
	case which == unix.IPV6_LEAVE_GROUP:
		return fmt.Errorf("leave multicast group %v: %w", group, err)
	}
	return fmt.Errorf("join multicast group %v: %w; is IPv6 on for the interface?", group, err)
}

// Close leaves all groups. Closing twice does nothing more.
func (m *memberships) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.drop()
}
