package netcheck

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// arpConn asks who has an address, as a machine that is about to take it
// (RFC 5227 §2.1.1): no neighbour learns anything of it.
type arpConn struct {
	conn *packet.Conn
	nic  net.HardwareAddr
}

// answer is somebody's claim of an address.
type answer struct {
	address netip.Addr
	claim   claim
}

func openARP(ifi *net.Interface) (*arpConn, error) {
	conn, err := packet.Listen(ifi, packet.Raw, int(ethernet.EtherTypeARP), nil)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket for ARP (needs root or CAP_NET_RAW): %w", err)
	}
	return &arpConn{conn, ifi.HardwareAddr}, nil
}

func (c *arpConn) close() error { return c.conn.Close() }

// ask sends a probe for the address. A link that is down is no error.
func (c *arpConn) ask(address netip.Addr) error {
	p, err := arp.NewPacket(arp.OperationRequest, c.nic, netip.IPv4Unspecified(), make(net.HardwareAddr, 6), address)
	if err != nil {
		return fmt.Errorf("ask for %v: %w", address, err)
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return fmt.Errorf("ask for %v: %w", address, err)
	}
	frame, err := (&ethernet.Frame{
		Destination: ethernet.Broadcast, Source: c.nic, EtherType: ethernet.EtherTypeARP, Payload: body,
	}).MarshalBinary()
	if err != nil {
		return fmt.Errorf("ask for %v: %w", address, err)
	}
	_, err = c.conn.WriteTo(frame, &packet.Addr{HardwareAddr: ethernet.Broadcast})
	if err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("ask for %v: %w", address, err)
	}
	return nil
}

// receive hands over what waits, and does not block.
func (c *arpConn) receive(take func(answer)) error {
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("read ARP: %w", err)
	}
	buffer := make([]byte, 128)
	for {
		n, inner := 0, error(nil)
		err := raw.Control(func(fd uintptr) { n, _, inner = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT) })
		switch {
		case err != nil:
			return fmt.Errorf("read ARP: %w", err)
		case errors.Is(inner, unix.EINTR), errors.Is(inner, unix.ENETDOWN):
			continue
		case inner != nil:
			return nil // Nothing waits.
		}
		if a, ok := parseARP(buffer[:n]); ok && a.claim.source != config.MAC(c.nic) {
			take(a)
		}
	}
}

// parseARP reads a reply, or an announcement, which says the same unasked.
func parseARP(b []byte) (answer, bool) {
	var f ethernet.Frame
	var p arp.Packet
	if f.UnmarshalBinary(b) != nil || f.EtherType != ethernet.EtherTypeARP || p.UnmarshalBinary(f.Payload) != nil {
		return answer{}, false
	}
	if len(p.SenderHardwareAddr) != 6 || !p.SenderIP.Is4() || p.SenderIP.IsUnspecified() {
		return answer{}, false
	}
	return answer{p.SenderIP, claim{
		mac: config.MAC(p.SenderHardwareAddr), source: config.MAC(f.Source), reply: f.Destination[0]&1 == 0,
	}}, true
}
