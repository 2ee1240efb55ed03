package arp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Asker finds out who answers for addresses of one family, and answers for none
// itself. It belongs to one goroutine.
type Asker struct {
	conn   *packet.Conn
	family asking
	buffer [ndpSnapLen]byte // Receive's
}

// asking is how a family asks.
type asking interface {
	// question is the frame that asks who has an address, and where it goes.
	question(netip.Addr) (frame []byte, to config.MAC, err error)
	// parse reads a frame that is not this machine's own.
	parse([]byte) (message, error)
}

// Heard is what somebody else on the segment said about an address.
type Heard struct {
	// Address is asked for, or claimed.
	Address netip.Addr
	// Asks tells a question from a claim.
	Asks bool
	// MAC is where a claim says that the address is; zero for a question.
	MAC config.MAC
	// Source is the frame's Ethernet source.
	Source config.MAC
	// Alone says that it was sent to one machine and not to a group.
	Alone bool
}

// OpenAsker asks by ARP on an Ethernet interface, as a machine that is about to take
// the address (RFC 5227 §2.1.1): no neighbour learns anything of it. It needs
// CAP_NET_RAW. The caller closes the Asker.
func OpenAsker(ifi *net.Interface) (*Asker, error) {
	conn, err := listen(ifi, ethernet.EtherTypeARP, arpOnly)
	if err != nil {
		return nil, fmt.Errorf("ask by ARP on %s: %w", ifi.Name, err)
	}
	return &Asker{conn: conn, family: arpAsking{macOf(ifi.HardwareAddr)}}, nil
}

// OpenAskerIPv6 asks by neighbour discovery, from the interface's link-local address:
// an advertisement in answer to a machine without one goes to everybody, and could
// not be told from an announcement. For the rest it is as OpenAsker.
func OpenAskerIPv6(ifi *net.Interface) (*Asker, error) {
	what := "ask by neighbour discovery on " + ifi.Name
	nic, err := usable(ifi, ErrNoIPv6)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	from, err := linkLocal(ifi)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	conn, err := listen(ifi, ethernet.EtherTypeIPv6, ndpOnly)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return &Asker{conn: conn, family: ndpAsking{nic, from}}, nil
}

// linkLocal is the first link-local address of an interface that has one.
func linkLocal(ifi *net.Interface) (netip.Addr, error) {
	addrs, err := ifi.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && isLinkLocal(a) {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, ErrNoIPv6 // It is gone since usable has seen it.
}

// Ask sends one question. A link that is down is no error.
func (a *Asker) Ask(address netip.Addr) error {
	frame, to, err := a.family.question(address)
	if err == nil {
		_, err = a.conn.WriteTo(frame, &packet.Addr{HardwareAddr: to.HardwareAddr()})
	}
	if err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("ask for %v: %w", address, err)
	}
	return nil
}

// maxRead bounds how many frames Receive reads: more than wait in a socket of the
// kernel's usual size (212,992 bytes, 768 a frame at least).
const maxRead = 1024

// Receive hands over what waits, and does not block, nor go on while more comes without
// an end.
func (a *Asker) Receive(take func(Heard)) error {
	raw, err := a.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("read neighbours' messages: %w", err)
	}
	for range maxRead {
		n, inner := 0, error(nil)
		err := raw.Control(func(fd uintptr) { n, _, inner = unix.Recvfrom(int(fd), a.buffer[:], unix.MSG_DONTWAIT) })
		switch {
		case err != nil:
			return fmt.Errorf("read neighbours' messages: %w", err)
		case errors.Is(inner, unix.EINTR), errors.Is(inner, unix.ENETDOWN):
			continue
		case inner != nil:
			return nil // Nothing waits.
		}
		if m, err := a.family.parse(a.buffer[:n]); err == nil {
			m.tell(take)
		}
	}
	return nil
}

// Close closes the socket.
func (a *Asker) Close() error { return a.conn.Close() }

// tell hands over what a message says: who asks gives an address of its own, too.
func (m message) tell(take func(Heard)) {
	h := Heard{Source: m.source, Alone: !m.group}
	if m.asks {
		h.Address, h.Asks = m.target, true
		take(h)
	}
	if !m.sender.IsUnspecified() {
		h.Address, h.Asks, h.MAC = m.sender, false, m.senderMAC
		take(h)
	}
}

// arpAsking asks by ARP from a card.
type arpAsking struct{ nic config.MAC }

func (a arpAsking) question(address netip.Addr) ([]byte, config.MAC, error) {
	everybody := macOf(ethernet.Broadcast)
	p, err := arp.NewPacket(arp.OperationRequest, a.nic.HardwareAddr(), netip.IPv4Unspecified(), make(net.HardwareAddr, len(a.nic)), address)
	if err != nil {
		return nil, everybody, err
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, everybody, err
	}
	frame, err := (&ethernet.Frame{
		Destination: ethernet.Broadcast, Source: a.nic.HardwareAddr(), EtherType: ethernet.EtherTypeARP, Payload: body,
	}).MarshalBinary()
	return frame, everybody, err
}

func (a arpAsking) parse(b []byte) (message, error) {
	var f ethernet.Frame
	var p arp.Packet
	if f.UnmarshalBinary(b) != nil || p.UnmarshalBinary(f.Payload) != nil {
		return message{}, refusal(Malformed)
	}
	return arpMessage(&p, &f, a.nic)
}

// ndpAsking asks by neighbour discovery from a card and its link-local address.
type ndpAsking struct {
	nic  config.MAC
	from netip.Addr
}

func (a ndpAsking) question(address netip.Addr) ([]byte, config.MAC, error) {
	group, err := ndp.SolicitedNodeMulticast(address)
	if err != nil {
		return nil, config.MAC{}, err
	}
	body, err := ndp.MarshalMessageChecksum(&ndp.NeighborSolicitation{
		TargetAddress: address,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: a.nic.HardwareAddr()}},
	}, a.from, group)
	if err != nil {
		return nil, config.MAC{}, err
	}
	to := groupMAC(group)
	return ndpFrame(a.nic, to, a.from, group, body), to, nil
}

func (a ndpAsking) parse(b []byte) (message, error) { return ndpMessage(b, a.nic) }
