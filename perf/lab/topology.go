package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// bridge is the switch's one bridge.
const bridge = "br0"

// nodePort begins the names of the switch's ports that lead to nodes.
const nodePort = "sw-n"

// setUpLoopback runs on the host's thread, before anything else uses it.
func (h *Host) setUpLoopback() error {
	lo, err := h.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := h.links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// buildSwitch makes the bridge.
func (l *Lab) buildSwitch(ctx context.Context) error {
	if err := l.Switch.set(switchSettings()); err != nil {
		return err
	}
	br := &netlink.Bridge{}
	if l.config.Snooping == SnoopMAC {
		br.MulticastSnooping = new(bool) // off
	}
	if err := l.addBridge(bridge, br); err != nil {
		return err
	}
	// The kernel makes some of the bridge's sysctls with its first bridge.
	if err := l.Switch.set(switchSettings()); err != nil {
		return err
	}
	if err := l.snoop(ctx); err != nil {
		return err
	}
	return errors.Join(setUp(l.Switch, bridge), l.buildBack())
}

// addBridge makes a bridge of the switch, as br describes it.
func (l *Lab) addBridge(name string, br *netlink.Bridge) error {
	br.LinkAttrs = netlink.NewLinkAttrs()
	br.Name = name
	br.MTU = l.config.MTU
	if err := l.Switch.links.LinkAdd(br); err != nil {
		return fmt.Errorf("make the bridge: %w (is the kernel module bridge there?)", err)
	}
	return nil
}

// plug joins the host's new eth0 and a new port of the switch.
func (l *Lab) plug(h *Host, queues int) error {
	if err := h.set(hostSettings()); err != nil {
		return err
	}
	if err := l.lay(cable{host: h, bridge: bridge, port: h.Port, iface: Interface, mac: h.MAC, queues: queues}); err != nil {
		return err
	}
	if err := l.snoopPort(h.Port); err != nil {
		return err
	}
	if err := h.addAddresses(); err != nil {
		return err
	}
	if err := setUp(h, Interface); err != nil {
		return err
	}
	if l.config.IPv6 {
		if err := h.addAddresses6(); err != nil {
			return err
		}
	}
	return setUp(l.Switch, h.Port)
}

// cable is one between a port of a bridge and an interface of a host.
type cable struct {
	host                *Host
	bridge, port, iface string
	mac                 config.MAC // of the interface
	queues              int
}

// lay makes the cable's two ends, which are down.
func (l *Lab) lay(c cable) error {
	br, err := l.Switch.links.LinkByName(c.bridge)
	if err != nil {
		return fmt.Errorf("find the bridge: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.port
	attrs.MTU = l.config.MTU
	attrs.MasterIndex = br.Attrs().Index
	attrs.NumTxQueues, attrs.NumRxQueues = c.queues, c.queues
	veth := netlink.NewVeth(attrs)
	veth.PeerName = c.iface
	veth.PeerHardwareAddr = c.mac.HardwareAddr()
	veth.PeerNamespace = netlink.NsFd(int(c.host.ns))
	if err := l.Switch.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("make the veth pair of %s: %w (is the kernel module veth there?)", c.host.Name, err)
	}
	if err := c.host.SetOffloads(c.iface, l.config.Offloads); err != nil {
		return err
	}
	return l.Switch.SetOffloads(c.port, l.config.Offloads)
}

func setUp(h *Host, iface string) error {
	link, err := h.links.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", iface, h.Name, err)
	}
	if err := h.links.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s of %s up: %w", iface, h.Name, err)
	}
	return nil
}

// addAddresses gives eth0 its addresses. Only the first has the subnet's prefix,
// so that the others are no secondaries of it and bring no routes.
func (h *Host) addAddresses() error {
	bits := subnetBits
	for _, a := range h.Addresses {
		if err := h.addAddress(Interface, netip.PrefixFrom(a, bits)); err != nil {
			return err
		}
		bits = 32
	}
	return nil
}

func (h *Host) addAddress(iface string, p netip.Prefix) error {
	link, err := h.links.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", iface, h.Name, err)
	}
	if err := h.links.AddrAdd(link, &netlink.Addr{IPNet: ipNet(p)}); err != nil {
		return fmt.Errorf("give %s to %s: %w", p.Addr(), h.Name, err)
	}
	return nil
}

// addAddresses6 gives eth0, which is up, the addresses of IPv6: without duplicate
// address detection, since nobody else has them and it takes a second.
func (h *Host) addAddresses6() error {
	link, err := h.links.LinkByName(Interface)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", Interface, h.Name, err)
	}
	bits := subnet6Bits
	for _, a := range h.Addresses {
		addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(In6(a), bits)), Flags: unix.IFA_F_NODAD}
		if err := h.links.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("give %s to %s: %w", In6(a), h.Name, err)
		}
		bits = 128
	}
	return nil
}

// routeVia sends what the node has for the prefix to the client's first address.
// The prefix is on the link anyway; what the route saves is a neighbour entry
// for each address, of which the kernel has 1,024 for all namespaces together.
func routeVia(node, client *Host, prefix netip.Prefix) error {
	link, err := node.links.LinkByName(Interface)
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", Interface, node.Name, err)
	}
	gateway := client.Address
	if prefix.Addr().Is6() {
		gateway = In6(gateway)
	}
	err = node.links.RouteAdd(&netlink.Route{
		LinkIndex: link.Attrs().Index,
		Dst:       ipNet(prefix),
		Gw:        gateway.AsSlice(),
		Flags:     int(netlink.FLAG_ONLINK),
	})
	if err != nil {
		return fmt.Errorf("route %s to %s on %s: %w", prefix, client.Name, node.Name, err)
	}
	return nil
}

// claim makes every address of the prefix the host's own: it answers ARP for
// them, and resets TCP connections to them that it knows nothing of.
func (h *Host) claim(prefix netip.Prefix) error {
	lo, err := h.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo of %s: %w", h.Name, err)
	}
	err = h.links.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index,
		Dst:       ipNet(prefix),
		Type:      unix.RTN_LOCAL,
		Table:     unix.RT_TABLE_LOCAL,
		Scope:     netlink.SCOPE_HOST,
	})
	if err != nil {
		return fmt.Errorf("make %s local on %s: %w", prefix, h.Name, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
