package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// behindPrefix is the network behind a client that routes: the second half of
// the range for benchmarks (RFC 2544, C.2.2).
func behindPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, 0, 0}), 24)
}

// Behind makes a client a router, and returns a machine behind it. Packets to that
// machine may have mtu bytes at most, of which neither it nor the nodes know: the
// router tells them (RFC 1191, RFC 8201). Once a lab.
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
	if err := h.addTo(Interface, h.Address, l.config.Offloads, l.config.IPv6); err != nil {
		return err
	}
	if err := router.addTo(inner, netip.AddrFrom4(gateway), l.config.Offloads, l.config.IPv6); err != nil {
		return err
	}
	if err := l.routeBehind(router, h, netip.AddrFrom4(gateway)); err != nil {
		return err
	}
	for _, node := range l.Nodes {
		if err := l.routeBoth(node.Host, router, behindPrefix()); err != nil {
			return err
		}
	}
	return nil
}

// routeBehind has the router forward, and the machine behind it use it.
func (l *Lab) routeBehind(router, h *Host, gateway netip.Addr) error {
	forwarding, gateways := []setting{{"ipv4.ip_forward", "1"}}, []netip.Addr{gateway}
	if l.config.IPv6 {
		forwarding, gateways = append(forwarding, setting{"ipv6.conf.all.forwarding", "1"}), append(gateways, In6(gateway))
	}
	if err := router.set(forwarding); err != nil {
		return err
	}
	for _, g := range gateways {
		if err := h.links.RouteAdd(&netlink.Route{Gw: g.AsSlice()}); err != nil {
			return fmt.Errorf("set the default route to %v: %w", g, err)
		}
	}
	return nil
}

// addTo gives an interface an address of behindPrefix, and the one of IPv6 that goes
// with it where six is set, and sets it up.
func (h *Host) addTo(iface string, address netip.Addr, o Offloads, six bool) error {
	if err := h.SetOffloads(iface, o); err != nil {
		return err
	}
	link, err := h.links.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("find %s: %w", iface, err)
	}
	all := []netlink.Addr{{IPNet: ipNet(netip.PrefixFrom(address, behindPrefix().Bits()))}}
	if six {
		all = append(all, netlink.Addr{
			IPNet: ipNet(netip.PrefixFrom(In6(address), prefixIn6(behindPrefix().Bits()))), Flags: unix.IFA_F_NODAD,
		})
	}
	for _, addr := range all {
		if err := h.links.AddrAdd(link, &addr); err != nil {
			return fmt.Errorf("give it %v: %w", addr.IPNet, err)
		}
	}
	return setUp(h, iface)
}
