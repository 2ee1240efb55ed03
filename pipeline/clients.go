package pipeline

import (
	"encoding/binary"
	"net/netip"
)

// Opening is what of a TCP packet tells its client and its rule.
type Opening struct {
	// Client and VIP are addresses as on the wire, those of IPv4 as IPv6 has them
	// (RFC 4291 §2.5.5.2).
	Client, VIP [16]byte
	// Port is the VIP's.
	Port uint16
}

// Addrs returns the client's address, and the VIP's with the port.
func (o Opening) Addrs() (client netip.Addr, vip netip.AddrPort) {
	return netip.AddrFrom16(o.Client).Unmap(), netip.AddrPortFrom(netip.AddrFrom16(o.VIP).Unmap(), o.Port)
}

func (f flow) opening() Opening {
	return Opening{Client: f.source, VIP: f.destination, Port: binary.BigEndian.Uint16(f.ports[2:])}
}

// Clients are clients of whom it was lately learnt whose they are. It is never
// changed once it is part of a Table.
type Clients map[Opening]Client

// Client is whose a client is.
type Client struct{ Mine, Elsewhere bool }

// WithClients returns the table with other clients. Both share everything else.
func (t *Table) WithClients(c Clients) *Table {
	next := *t
	next.Clients = c
	return &next
}
