package engine

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/perf/lab"
)

// another is the Ethernet address of a machine that frames are sent on to where no
// node of a farm is: any of one's own choice (IEEE 802, 8.2.2).
func another() config.MAC { return config.MAC{0x02, 0, 0, 0, 0, 0x0a} }

// startSendOn sends every frame back out with both Ethernet addresses new: the
// least that a director has to do.
func startSendOn(_ context.Context, b *Testbed, _ Setup) error {
	b.hasXDP, b.dropsAll = true, true
	o, err := b.loadBare(map[string]any{bareVarNic: b.Node.MAC, bareVarOther: another()})
	if err != nil {
		return err
	}
	return b.Node.Do(func() error { return b.attach(o.SendOn) })
}

// startBridge has the kernel's bridge send every frame on: out of the port that it
// came from, as a director does, so that its way out is the same.
func startBridge(_ context.Context, b *Testbed, _ Setup) error {
	b.dropsAll = true
	b.mac = func(VIP) config.MAC { return another() }
	return b.Node.Do(b.addBridge)
}

// addBridge is to be called inside the node.
func (b *Testbed) addBridge() error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add a bridge: %w", err)
	}
	nic, err := netlink.LinkByName(lab.Interface)
	if err != nil {
		return fmt.Errorf("find the node's interface: %w", err)
	}
	if err := netlink.LinkSetMaster(nic, bridge); err != nil {
		return fmt.Errorf("make the node's interface a port: %w", err)
	}
	if err := netlink.LinkSetHairpin(nic, true); err != nil {
		return fmt.Errorf("have the bridge send frames back out: %w", err)
	}
	if err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: nic.Attrs().Index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_MASTER,
		State: netlink.NUD_NOARP, HardwareAddr: another().HardwareAddr(),
	}); err != nil {
		return fmt.Errorf("tell the bridge where to send frames: %w", err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	return nil
}

// sinkFrames has the other end of the node's wire count the traffic that the node
// sends on, and drop it: a switch's work is none of the engine's.
func (b *Testbed) sinkFrames() error {
	o, err := b.loadBare(map[string]any{bareVarSinkPort: uint16(DiscardPort)})
	if err != nil {
		return err
	}
	b.sunk = o.Sunk
	return b.Lab.Switch.Do(func() error { return b.attachTo(b.Node.Port, o.Sink) })
}

// sentOn is how many frames of the traffic the node has sent on so far.
func (b *Testbed) sentOn() (n uint64, err error) {
	if b.sunk == nil {
		return 0, nil
	}
	var each []uint64
	if err := b.sunk.Lookup(uint32(0), &each); err != nil {
		return 0, fmt.Errorf("read what the node has sent on: %w", err)
	}
	for _, one := range each {
		n += one
	}
	return n, nil
}
