package cluster

import (
	"fmt"
	"net"
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

// openTransport opens the sockets that memberlist would open itself, unless the
// configuration has a transport already, and puts the deadlines on top. The
// caller closes it when memberlist does not take it over.
func openTransport(c *memberlist.Config) error {
	own, ok := c.Transport.(memberlist.NodeAwareTransport)
	if !ok {
		nt, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{c.BindAddr}, BindPort: c.BindPort, Logger: c.Logger,
		})
		if err != nil {
			return fmt.Errorf("open sockets: %w", err)
		}
		// What memberlist does with a transport of its own making.
		c.BindPort, c.AdvertisePort = nt.GetAutoBindPort(), nt.GetAutoBindPort()
		own = nt
	}
	c.Transport = messageTransport{own}
	return nil
}
