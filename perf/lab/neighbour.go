package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// neighbours lists what the host's eth0 knows of its neighbours, of both families.
func (h *Host) neighbours() ([]netlink.Neigh, error) {
	link, err := h.links.LinkByName(Interface)
	if err != nil {
		return nil, fmt.Errorf("lab: find %s of %s: %w", Interface, h.Name, err)
	}
	var all []netlink.Neigh
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := h.links.NeighList(link.Attrs().Index, family)
		if err != nil {
			return nil, fmt.Errorf("lab: list the neighbours of %s: %w", h.Name, err)
		}
		for _, n := range list {
			if n.State&netlink.NUD_NOARP == 0 { // groups are no neighbours
				all = append(all, n)
			}
		}
	}
	return all, nil
}

// FlushNeighbours makes the host forget every neighbour, so that its next packet
// asks by ARP or NDP.
func (h *Host) FlushNeighbours() error {
	list, err := h.neighbours()
	if err != nil {
		return err
	}
	for _, n := range list {
		// Gone meanwhile is as good.
		if err := h.links.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("lab: forget neighbour %s of %s: %w", n.IP, h.Name, err)
		}
	}
	return nil
}

// Neighbour returns the Ethernet address that the host has for a neighbour; false
// if it has none.
func (h *Host) Neighbour(address netip.Addr) (config.MAC, bool, error) {
	list, err := h.neighbours()
	if err != nil {
		return config.MAC{}, false, err
	}
	for _, n := range list {
		a, _ := netip.AddrFromSlice(n.IP)
		const unknown = netlink.NUD_FAILED | netlink.NUD_INCOMPLETE
		if a.Unmap() == address && n.State&unknown == 0 && len(n.HardwareAddr) == len(config.MAC{}) {
			return config.MAC(n.HardwareAddr), true, nil
		}
	}
	return config.MAC{}, false, nil
}
