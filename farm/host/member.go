package host

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Member is an interface's membership in a group that ends with the process.
type Member struct{ fd int }

// JoinGroup makes the interface with this index a member of an IPv4 or IPv6 group
// until Close: the kernel reports it and answers queries. IPv4 needs an address on
// the interface.
func JoinGroup(ifindex int, group netip.Addr) (*Member, error) {
	family := unix.AF_INET
	if group.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("join group %v: %w", group, err)
	}
	if group.Is6() {
		err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(ifindex)})
	} else {
		err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(ifindex)})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join group %v on interface %d: %w", group, ifindex, err), unix.Close(fd))
	}
	return &Member{fd}, nil
}

// Close leaves the group. Closing twice does nothing more.
func (m *Member) Close() error {
	if m.fd < 0 {
		return nil
	}
	err := unix.Close(m.fd)
	m.fd = -1
	if err != nil {
		return fmt.Errorf("leave a group: %w", err)
	}
	return nil
}
