package engine

import (
	"context"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/perf/lab"
)

// startPassVMAC lets everything in that is sent to the VIPs' VMACs, with the
// least that does so. It meets the frames that Thresher meets: on the switch
// they go to every port, and on a veth they need a tcx program beside the XDP
// program, whoever writes it. So it shows what of Thresher's cost is the way
// there and what is its verdict.
func startPassVMAC(_ context.Context, b *Testbed, _ Setup) error {
	o, err := b.loadBare(map[string]any{bareVarNic: b.Node.MAC})
	if err != nil {
		return err
	}
	if err := b.addVIPs(); err != nil {
		return err
	}
	b.hasXDP, b.mac = true, config.FloodMAC
	if err := b.Node.Do(func() error { return b.attachVMAC(o) }); err != nil {
		return err
	}
	return b.knowVMACs()
}

// attachVMAC is to be called inside the node.
func (b *Testbed) attachVMAC(o *bareObjects) error {
	nic, err := netlink.LinkByName(lab.Interface)
	if err != nil {
		return fmt.Errorf("find the node's interface: %w", err)
	}
	l, err := link.AttachTCX(link.TCXOptions{
		Program: o.ToHost, Interface: nic.Attrs().Index, Attach: ebpf.AttachTCXIngress,
	})
	if err != nil {
		return &Unavailable{fmt.Sprintf("tcx programs need Linux 6.6: %v", err)}
	}
	b.OnClose(l.Close)
	return b.attach(o.PassVmac)
}

// knowVMACs tells the client the VMACs, since nobody answers ARP with them here.
func (b *Testbed) knowVMACs() error {
	return b.Lab.Clients[0].Do(func() error {
		nic, err := netlink.LinkByName(lab.Interface)
		if err != nil {
			return fmt.Errorf("find the client's interface: %w", err)
		}
		for _, vip := range b.VIPs() {
			if err := netlink.NeighSet(&netlink.Neigh{
				LinkIndex: nic.Attrs().Index, IP: vip.AsSlice(),
				HardwareAddr: config.FloodMAC(vip).HardwareAddr(), State: netlink.NUD_PERMANENT,
			}); err != nil {
				return fmt.Errorf("tell the client the VMAC of %s: %w", vip, err)
			}
		}
		return nil
	})
}
