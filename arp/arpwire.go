package arp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"thresher/config"
)

// hardwareEthernet is ARP's hardware type of Ethernet (RFC 826; IANA, ARP
// Parameters).
const hardwareEthernet = 1

// arpWire is the wire of IPv4.
type arpWire struct {
	client *arp.Client
	nic    config.MAC
}

var _ wire = (*arpWire)(nil)

// newARPWire speaks ARP by any packet connection.
func newARPWire(ifi *net.Interface, nic config.MAC, conn net.PacketConn) (*arpWire, error) {
	client, err := arp.New(ifi, &maskedConn{PacketConn: conn, source: nic})
	if err != nil {
		return nil, err
	}
	return &arpWire{client, nic}, nil
}

func (w *arpWire) takes(a netip.Addr) bool { return a.Is4() }

func (w *arpWire) read() (message, error) {
	p, f, err := w.client.Read()
	var own *socketError
	switch {
	case err == nil:
		return arpMessage(p, f, w.nic)
	case errors.As(err, &own):
		return message{}, err
	}
	return message{}, refusal(Malformed)
}

// arpMessage makes sure that a frame is fit for an answer. The client's parser
// checks none of this: with an address length of 16, say, it hands over an IPv6
// address as if ARP knew such a thing.
func arpMessage(p *arp.Packet, f *ethernet.Frame, nic config.MAC) (message, error) {
	m := message{
		source: macOf(f.Source), destination: macOf(f.Destination), asks: p.Operation == arp.OperationRequest,
		target: p.TargetIP, sender: p.SenderIP, senderMAC: macOf(p.SenderHardwareAddr),
	}
	m.group = m.destination == macOf(ethernet.Broadcast)
	switch {
	case m.source == nic:
		return m, refusal(OwnFrame)
	case f.VLAN != nil || f.ServiceVLAN != nil:
		return m, refusal(Tagged)
	case p.HardwareType != hardwareEthernet:
		return m, refusal(BadHardwareType)
	case p.ProtocolType != uint16(ethernet.EtherTypeIPv4):
		return m, refusal(BadProtocolType)
	case p.HardwareAddrLength != 6 || p.IPLength != 4:
		return m, refusal(BadLength)
	case m.senderMAC == (config.MAC{}) || m.sender.IsMulticast() || m.sender == limitedBroadcast():
		return m, refusal(BadSender)
	}
	return m, nil
}

// limitedBroadcast is 255.255.255.255 (RFC 919, 7).
func limitedBroadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// reply is unicast to the sender of the request.
func (w *arpWire) reply(m message, vmac config.MAC) error {
	to := m.senderMAC.HardwareAddr()
	p, err := arp.NewPacket(arp.OperationReply, vmac.HardwareAddr(), m.target, to, m.sender)
	if err != nil {
		return err
	}
	return w.client.WriteTo(p, to)
}

// announce sends the request form (RFC 5227 §3) and the reply form (RFC 5944
// §4.6): some neighbours update their entry only on the one, some only on the
// other. Both are broadcast, with the card's own address as Ethernet source.
func (w *arpWire) announce(b Binding) error {
	forms, err := arpAnnouncements(b)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range forms {
		failed = append(failed, w.client.WriteTo(p, ethernet.Broadcast))
	}
	return errors.Join(failed...)
}

// arpAnnouncements builds both forms. The target's Ethernet address is zero in a
// request (RFC 5227 §2.3) and the announced one in a reply (RFC 5944 §4.6).
func arpAnnouncements(b Binding) ([]*arp.Packet, error) {
	addr, mac := b.Address.Unmap(), b.MAC.HardwareAddr()
	request, err := arp.NewPacket(arp.OperationRequest, mac, addr, make(net.HardwareAddr, len(mac)), addr)
	if err != nil {
		return nil, fmt.Errorf("gratuitous request: %w", err)
	}
	reply, err := arp.NewPacket(arp.OperationReply, mac, addr, mac, addr)
	if err != nil {
		return nil, fmt.Errorf("gratuitous reply: %w", err)
	}
	return []*arp.Packet{request, reply}, nil
}

// attend has nothing to do: requests are broadcast.
func (w *arpWire) attend([]netip.Addr, bool) error { return nil }

// SetReadDeadline ends read's waiting.
func (w *arpWire) SetReadDeadline(t time.Time) error { return w.client.SetReadDeadline(t) }

// Close closes the socket.
func (w *arpWire) Close() error { return w.client.Close() }
