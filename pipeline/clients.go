package pipeline

import (
	"encoding/binary"
	"net/netip"
)

// Opening is what of a TCP packet tells its client and its rule.
type Opening struct {
	// Client and VIP are IPv4 addresses as on the wire.
	Client, VIP [4]byte
	// Port is the VIP's.
	Port uint16
}

// Addrs returns the client's address, and the VIP's with the port.
func (o Opening) Addrs() (client netip.Addr, vip netip.AddrPort) {
	return netip.AddrFrom4(o.Client), netip.AddrPortFrom(netip.AddrFrom4(o.VIP), o.Port)
}

func (f flow) opening() Opening {
	return Opening{Client: [4]byte(f[:4]), VIP: [4]byte(f[4:8]), Port: binary.BigEndian.Uint16(f[10:])}
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
