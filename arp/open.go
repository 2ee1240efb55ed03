package arp

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ErrNoIPv4 says that an interface has no IPv4 address of its own, without which
// the ARP client does not work.
var ErrNoIPv4 = errors.New("no IPv4 address on the interface")

// ErrNoIPv6 says that an interface has no link-local IPv6 address, without which
// the kernel asks for no neighbour (ndisc_send_ns, net/ipv6/ndisc.c), and so
// cannot answer a VIP's clients.
var ErrNoIPv6 = errors.New("no link-local IPv6 address on the interface")

// Open makes a Responder to ARP for an Ethernet interface that has an IPv4 address
// of its own. It needs CAP_NET_RAW. The interface's Ethernet address is taken from
// ifi: open anew when it changes. The caller closes the Responder.
func Open(ifi *net.Interface, o Options) (*Responder, error) {
	return open(ifi, o, ErrNoIPv4, func(nic config.MAC) (*packet.Conn, wire, error) {
		conn, err := listen(ifi, ethernet.EtherTypeARP, arpOnly)
		if err != nil {
			return nil, nil, err
		}
		w, err := newARPWire(ifi, nic, conn)
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		return conn, w, nil
	})
}

// OpenIPv6 makes a Responder to neighbour solicitations for an Ethernet interface
// that has a link-local IPv6 address. For the rest it is as Open.
func OpenIPv6(ifi *net.Interface, o Options) (*Responder, error) {
	return open(ifi, o, ErrNoIPv6, func(nic config.MAC) (*packet.Conn, wire, error) {
		conn, err := listen(ifi, ethernet.EtherTypeIPv6, ndpOnly)
		if err != nil {
			return nil, nil, err
		}
		return conn, newNDPWire(nic, conn, &memberships{ifindex: ifi.Index}), nil
	})
}

func open(ifi *net.Interface, o Options, missing error, speak func(nic config.MAC) (*packet.Conn, wire, error)) (*Responder, error) {
	nic, err := usable(ifi, missing)
	if err != nil {
		return nil, fmt.Errorf("answer neighbours on %s: %w", ifi.Name, err)
	}
	conn, w, err := speak(nic)
	if err != nil {
		return nil, fmt.Errorf("answer neighbours on %s: %w", ifi.Name, err)
	}
	r := newResponder(w, nic, o)
	r.name = ifi.Name
	r.gone = func() bool { return deleted(conn) }
	return r, nil
}

// usable checks that the interface has an address of the family, which is missing
// otherwise, and returns its Ethernet address.
func usable(ifi *net.Interface, missing error) (config.MAC, error) {
	nic := macOf(ifi.HardwareAddr)
	if nic == (config.MAC{}) {
		return nic, errors.New("not an Ethernet interface: it has no Ethernet address; name the interface that the VIP's packets arrive on")
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nic, fmt.Errorf("list addresses: %w", err)
	}
	switch {
	case missing == ErrNoIPv4 && !slices.ContainsFunc(addrs, isIPv4):
		return nic, fmt.Errorf("%w: give it one (ip address add A.B.C.D/LEN dev %s); a VIP does not count, it is on lo", missing, ifi.Name)
	case missing == ErrNoIPv6 && !slices.ContainsFunc(addrs, isLinkLocal):
		return nic, fmt.Errorf("%w: let it have one (sysctl net.ipv6.conf.%[2]s.disable_ipv6=0; ip link set %[2]s addrgenmode eui64; ip link set %[2]s up)", missing, ifi.Name)
	}
	return nic, nil
}

func isLinkLocal(a net.Addr) bool {
	p, ok := a.(*net.IPNet)
	return ok && p.IP.To4() == nil && p.IP.IsLinkLocalUnicast()
}

func isIPv4(a net.Addr) bool {
	p, ok := a.(*net.IPNet)
	return ok && p.IP.To4() != nil
}

func listen(ifi *net.Interface, protocol ethernet.EtherType, only func() ([]bpf.RawInstruction, error)) (*packet.Conn, error) {
	filter, err := only()
	if err != nil {
		return nil, fmt.Errorf("assemble the socket filter: %w", err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, int(protocol), &packet.Config{Filter: filter})
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
