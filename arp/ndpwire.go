package arp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"

	"thresher/config"
)

// ndpWire is the wire of IPv6. It sends whole frames by a packet socket: an answer
// by an ICMPv6 socket would first have the kernel look for the neighbour that has
// just asked, and let a flood of questions fill its table of neighbours.
type ndpWire struct {
	conn   net.PacketConn
	nic    config.MAC
	groups groups
	buffer [ndpSnapLen]byte // read's
}

var _ wire = (*ndpWire)(nil)

// groups are the multicast groups that the interface is in.
type groups interface {
	// set joins and leaves what differs; anew joins all of them again.
	set(groups []netip.Addr, anew bool) error
	Close() error
}

// newNDPWire speaks NDP by any packet connection.
func newNDPWire(nic config.MAC, conn net.PacketConn, g groups) *ndpWire {
	return &ndpWire{conn: &maskedConn{PacketConn: conn, source: nic}, nic: nic, groups: g}
}

func (w *ndpWire) takes(a netip.Addr) bool { return a.Is6() }

func (w *ndpWire) read() (message, error) {
	n, _, err := w.conn.ReadFrom(w.buffer[:])
	if err != nil {
		return message{}, err
	}
	return ndpMessage(w.buffer[:n], w.nic)
}

// reply advertises the VMAC to who asked, or to everybody where a probe has no
// address to be answered at (RFC 4861, 7.2.4).
func (w *ndpWire) reply(m message, vmac config.MAC) error {
	if m.sender.IsUnspecified() {
		return w.advertise(m.target, vmac, false, allNodes(), groupMAC(allNodes()))
	}
	return w.advertise(m.target, vmac, true, m.sender, m.senderMAC)
}

// announce is an unsolicited advertisement (RFC 4861, 7.2.6).
func (w *ndpWire) announce(b Binding) error {
	return w.advertise(b.Address, b.MAC, false, allNodes(), groupMAC(allNodes()))
}

// advertise sends one neighbour advertisement. Its source is the VIP, as the Linux
// kernel has it (ndisc_send_na, net/ipv6/ndisc.c), which needs no other address
// and none that is past duplicate address detection. Override is set, since the
// VIP is neither anycast nor somebody else's (RFC 4861, 7.2.4): of two answers, a
// neighbour keeps the one that came last with it, and so may keep ours.
func (w *ndpWire) advertise(vip netip.Addr, vmac config.MAC, solicited bool, to netip.Addr, mac config.MAC) error {
	body, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Solicited: solicited, Override: true, TargetAddress: vip,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: vmac.HardwareAddr()}},
	}, vip, to)
	if err != nil {
		return fmt.Errorf("neighbour advertisement: %w", err)
	}
	_, err = w.conn.WriteTo(ndpFrame(w.nic, mac, vip, to, body), &packet.Addr{HardwareAddr: mac.HardwareAddr()})
	return err
}

// attend joins the solicited-node groups of the VIPs, on every node, so that the
// next one to answer need not wait for a switch to learn of it (RFC 4861, 7.2.1).
func (w *ndpWire) attend(vips []netip.Addr, anew bool) error {
	var all []netip.Addr
	for _, vip := range vips {
		group, err := ndp.SolicitedNodeMulticast(vip)
		if err != nil {
			return fmt.Errorf("solicited-node group of %v: %w", vip, err)
		}
		all = append(all, group)
	}
	return w.groups.set(all, anew)
}

// SetReadDeadline ends read's waiting.
func (w *ndpWire) SetReadDeadline(t time.Time) error { return w.conn.SetReadDeadline(t) }

// Close closes the socket and leaves the groups.
func (w *ndpWire) Close() error { return errors.Join(w.conn.Close(), w.groups.Close()) }
