package arp

import (
	"errors"
	"fmt"
	"net"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
)

// Announce tells the whole segment, once, that b.MAC answers for b.Address. It
// sends the request form (RFC 5227 §3) and the reply form (RFC 5944 §4.6):
// some neighbours update their entry only on the one, some only on the other.
// Both are broadcast, with the card's own address as Ethernet source. The error
// joins what went wrong with either.
func (r *Responder) Announce(b Binding) error {
	forms, err := announcements(b)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range forms {
		failed = append(failed, r.client.WriteTo(p, ethernet.Broadcast))
	}
	if err := errors.Join(failed...); err != nil {
		r.counts.announceErrors.Add(1)
		return fmt.Errorf("announce %v at %v: %w", b.Address, b.MAC, err)
	}
	r.counts.announcements.Add(1)
	return nil
}

// announcements builds both forms. The target's Ethernet address is zero in a
// request (RFC 5227 §2.3) and the announced one in a reply (RFC 5944 §4.6).
func announcements(b Binding) ([]*arp.Packet, error) {
	addr, mac := b.Address.Unmap(), b.MAC.HardwareAddr()
	request, err := arp.NewPacket(arp.OperationRequest, mac, addr, make(net.HardwareAddr, len(mac)), addr)
	if err != nil {
		return nil, fmt.Errorf("announce %v: %w", b.Address, err)
	}
	reply, err := arp.NewPacket(arp.OperationReply, mac, addr, mac, addr)
	if err != nil {
		return nil, fmt.Errorf("announce %v: %w", b.Address, err)
	}
	return []*arp.Packet{request, reply}, nil
}
