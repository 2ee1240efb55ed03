package cluster

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// messagePrefix marks the receiver's name where a message is sent. memberlist
// writes a user message without any deadline (net.go: sendUserMsg, v0.7.0), and
// waits for the connection as long as for a join; all that the transport can
// tell a message's connection by is the name that it dials. No node's name
// begins with this: names are host names.
const messagePrefix = "\x00message\x00"

// messageTransport is memberlist's transport with deadlines for messages: a
// receiver that is stopped accepts the connection and never reads.
type messageTransport struct{ memberlist.NodeAwareTransport }

// DialAddressTimeout connects to a node.
func (t messageTransport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	name, isMessage := strings.CutPrefix(a.Name, messagePrefix)
	if !isMessage {
		return t.NodeAwareTransport.DialAddressTimeout(a, timeout)
	}
	a.Name = name
	conn, err := t.NodeAwareTransport.DialAddressTimeout(a, sendTimeout)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(sendTimeout)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// openTransport opens the sockets that memberlist would open itself, on this node's
// address and on its further ones, and puts the deadlines on top. It returns the
// further addresses with the ports that they really have. The caller closes the
// transport when memberlist does not take it over.
func openTransport(c *memberlist.Config, further []netip.AddrPort, p *paths, wrap wrap) ([]netip.AddrPort, error) {
	first, err := openSockets(c.BindAddr, c.BindPort, c.Logger)
	if err != nil {
		return nil, err
	}
	// What memberlist does with a transport of its own making.
	c.BindPort, c.AdvertisePort = first.port(), first.port()
	each := []*outgoing{newOutgoing(wrap.network(0, first), c.Logger)}
	var own []netip.AddrPort
	for i, at := range further {
		s, err := openSockets(at.Addr().Unmap().String(), int(at.Port()), c.Logger)
		if err != nil {
			for _, opened := range each {
				err = errors.Join(err, opened.Shutdown())
			}
			return nil, err
		}
		own = append(own, netip.AddrPortFrom(at.Addr().Unmap(), uint16(s.port())))
		each = append(each, newOutgoing(wrap.network(i+1, s), c.Logger))
	}
	c.Transport = messageTransport{each[0]}
	if len(each) > 1 {
		c.Transport = messageTransport{newNetworks(each, p)}
	}
	return own, nil
}

// wrap is what a test puts around each network's transport; nil for nothing.
type wrap func(network int, s *sockets) memberlist.NodeAwareTransport

func (w wrap) network(i int, s *sockets) memberlist.NodeAwareTransport {
	if w == nil {
		return s
	}
	return w(i, s)
}
