package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// The back network is a second segment, for the nodes alone: another bridge of the
// switch, and another interface of each node with an address in 198.19.0.0/16, the
// other half of the range that RFC 2544 sets aside. Daemons gossip there too; no
// VIP is on it.
const (
	// BackInterface is the name of the nodes' interface on the back network.
	BackInterface = "eth1"

	backBridge = "br1"
	backPort   = "bk-n"
)

// backAddress is the address of the node with that number, counted from 1.
func backAddress(node int) netip.Addr { return netip.AddrFrom4([4]byte{198, 19, 0, byte(10 + node)}) }

// buildBack makes the back network's bridge.
func (l *Lab) buildBack() error {
	if !l.config.Back {
		return nil
	}
	if err := l.addBridge(backBridge, &netlink.Bridge{}); err != nil {
		return err
	}
	return setUp(l.Switch, backBridge)
}

// plugBack joins the node's new eth1 and a new port of the back network.
func (l *Lab) plugBack(h *Host) error {
	if !l.config.Back {
		return nil
	}
	c := cable{host: h, bridge: backBridge, port: h.BackPort, iface: BackInterface, mac: macOf(h.Back), queues: 1}
	if err := l.lay(c); err != nil {
		return err
	}
	if err := h.addAddress(BackInterface, netip.PrefixFrom(h.Back, subnetBits)); err != nil {
		return err
	}
	if err := setUp(h, BackInterface); err != nil {
		return err
	}
	return setUp(l.Switch, h.BackPort)
}

// BackPortUp is PortUp on the back network.
func (l *Lab) BackPortUp(n *Node, up bool) error {
	return l.portUp(n.BackPort, up, func(ctx context.Context) error { return l.awaitBack(ctx, n.Host) })
}

// awaitBack waits until both ends of the host's cable work, if it has one there.
func (l *Lab) awaitBack(ctx context.Context, h *Host) error {
	if h.BackPort == "" {
		return nil
	}
	return l.awaitCable(ctx, h, BackInterface, h.BackPort)
}

// CutBack is Cut on the back network: the cuts' hosts are nodes.
func (l *Lab) CutBack(ctx context.Context, cuts ...Cut) (*Fault, error) {
	if !l.config.Back {
		return nil, errors.New("lab: there is no back network: set Config.Back")
	}
	return l.cut(ctx, cuts, func(h *Host) string { return h.BackPort })
}

// binds are where the node's daemon gossips: on the network that all are on, and on
// the back network.
func (h *Host) binds() []string {
	all := []string{fmt.Sprintf("%s:%d", h.Address, gossipPort)}
	if h.Back.IsValid() {
		all = append(all, fmt.Sprintf("%s:%d", h.Back, gossipPort))
	}
	return all
}
