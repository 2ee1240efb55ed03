package arp

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ErrNoIPv4 says that an interface has no IPv4 address of its own, without which
// the ARP client does not work.
var ErrNoIPv4 = errors.New("no IPv4 address on the interface")

// Open makes a Responder for an Ethernet interface that has an IPv4 address of
// its own. It needs CAP_NET_RAW. The interface's Ethernet address is taken from
// ifi: open anew when it changes. The caller closes the Responder.
func Open(ifi *net.Interface, o Options) (*Responder, error) {
	nic, err := usable(ifi)
	if err != nil {
		return nil, fmt.Errorf("arp on %s: %w", ifi.Name, err)
	}
	conn, err := listen(ifi)
	if err != nil {
		return nil, fmt.Errorf("arp on %s: %w", ifi.Name, err)
	}
	r, err := newResponder(ifi, nic, conn, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("arp on %s: %w", ifi.Name, err), conn.Close())
	}
	r.gone = func() bool { return deleted(conn) }
	return r, nil
}

// usable checks the interface, and returns its Ethernet address.
func usable(ifi *net.Interface) (config.MAC, error) {
	nic := macOf(ifi.HardwareAddr)
	if nic == (config.MAC{}) {
		return nic, errors.New("not an Ethernet interface: it has no Ethernet address; name the interface that the VIP's packets arrive on")
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nic, fmt.Errorf("list addresses: %w", err)
	}
	if !slices.ContainsFunc(addrs, isIPv4) {
		return nic, fmt.Errorf("%w: give it one (ip address add A.B.C.D/LEN dev %s); a VIP does not count, it is on lo", ErrNoIPv4, ifi.Name)
	}
	return nic, nil
}

func isIPv4(a net.Addr) bool {
	p, ok := a.(*net.IPNet)
	return ok && p.IP.To4() != nil
}

func listen(ifi *net.Interface) (*packet.Conn, error) {
	filter, err := arpOnly()
	if err != nil {
		return nil, fmt.Errorf("assemble the socket filter: %w", err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, int(ethernet.EtherTypeARP), &packet.Config{Filter: filter})
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("open a packet socket: %w; run as root or grant CAP_NET_RAW", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	return conn, nil
}

// deleted asks the socket, which stays in the network namespace that it was
// opened in, whether its interface is gone: the kernel then unbinds it and sets
// its index to -1 (packet_notifier, net/packet/af_packet.c).
func deleted(conn syscall.Conn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		sa, err := unix.Getsockname(int(fd))
		ll, ok := sa.(*unix.SockaddrLinklayer)
		gone = err == nil && ok && ll.Ifindex == -1
	})
	return err == nil && gone
}
