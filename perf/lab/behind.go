package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// behindPrefix is the network behind a client that routes: the second half of
// the range for benchmarks (RFC 2544, C.2.2).
func behindPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, 0, 0}), 24)
}

// Behind makes a client a router, and returns a machine behind it. Packets to that
// machine may have mtu bytes at most, of which neither it nor the nodes know: the
// router tells them (RFC 1191). Once a lab.
func (l *Lab) Behind(router *Host, mtu int) (*Host, error) {
	h, err := newHost(router.Name+"-behind", l.Dir)
	if err != nil {
		return nil, err
	}
	if err := router.own(behind{h}); err != nil {
		return nil, err
	}
	if err := l.wireBehind(router, h, mtu); err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	return h, nil
}

// behind is closed with its router.
type behind struct{ *Host }

func (b behind) Close() error { return b.close() }

func (l *Lab) wireBehind(router, h *Host, mtu int) error {
	const inner = "lan0"
	base := behindPrefix().Addr().As4()
	gateway, address := base, base
	gateway[3], address[3] = 1, 2
	h.Address = netip.AddrFrom4(address)
	h.Addresses, h.MAC = []netip.Addr{h.Address}, macOf(h.Address)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = inner, mtu
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerMTU = Interface, uint32(l.config.MTU)
	veth.PeerHardwareAddr, veth.PeerNamespace = h.MAC.HardwareAddr(), netlink.NsFd(int(h.ns))
	if err := router.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("make the veth pair: %w", err)
	}
	if err := h.addTo(Interface, h.Address, l.config.Offloads); err != nil {
		return err
	}
	if err := router.addTo(inner, netip.AddrFrom4(gateway), l.config.Offloads); err != nil {
		return err
	}
	if err := router.set([]setting{{"ipv4.ip_forward", "1"}}); err != nil {
		return err
	}
	if err := h.links.RouteAdd(&netlink.Route{Gw: netip.AddrFrom4(gateway).AsSlice()}); err != nil {
		return fmt.Errorf("set the default route: %w", err)
	}
	for _, node := range l.Nodes {
		if err := routeVia(node.Host, router, behindPrefix()); err != nil {
			return err
		}
	}
	return nil
}

// addTo gives an interface an address of behindPrefix, and sets it up.
func (h *Host) addTo(iface string, address netip.Addr, o Offloads) error {
	if err := h.SetOffloads(iface, o); err != nil {
		return err
	}
	link, err := h.links.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("find %s: %w", iface, err)
	}
	addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(address, behindPrefix().Bits()))}
	if err := h.links.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("give it %s: %w", address, err)
	}
	return setUp(h, iface)
}
