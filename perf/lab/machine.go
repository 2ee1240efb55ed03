package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// PlugMachine powers a node off and puts a tap device in the place of its cable,
// under the same name of the port, for a virtual machine that is the node from now
// on: with its Ethernet address, its addresses, and NodeConfig. The emulator must
// run in the switch's namespace. With more than one queue the device has to be
// opened as one with several.
func (l *Lab) PlugMachine(n *Node, queues int) error {
	if err := l.PowerOff(n); err != nil {
		return err
	}
	br, err := l.Switch.links.LinkByName(bridge)
	if err != nil {
		return fmt.Errorf("lab: find the bridge: %w", err)
	}
	tap := &netlink.Tuntap{
		LinkAttrs: netlink.NewLinkAttrs(), Mode: netlink.TUNTAP_MODE_TAP,
		Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_VNET_HDR,
	}
	tap.Name = n.Port
	if queues > 1 {
		tap.Flags |= netlink.TUNTAP_MULTI_QUEUE
	}
	// Devices are made by ioctl, in the namespace of the thread.
	if err := l.Switch.thread.do(func() error { return netlink.LinkAdd(tap) }); err != nil {
		return fmt.Errorf("lab: make the tap device of %s: %w (is the kernel module tun there?)", n.Name, err)
	}
	link, err := l.Switch.links.LinkByName(n.Port)
	if err != nil {
		return fmt.Errorf("lab: find port %s: %w", n.Port, err)
	}
	if err := l.Switch.links.LinkSetMTU(link, l.config.MTU); err != nil {
		return fmt.Errorf("lab: set the MTU of port %s: %w", n.Port, err)
	}
	if err := l.Switch.links.LinkSetMaster(link, br); err != nil {
		return fmt.Errorf("lab: plug %s into the switch: %w", n.Name, err)
	}
	return setUp(l.Switch, n.Port)
}
