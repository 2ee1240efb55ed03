package lab

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Entry is one line of the switch's forwarding table.
type Entry struct {
	// MAC is the Ethernet address.
	MAC config.MAC
	// Port is the port that leads to it, or the bridge itself.
	Port string
	// Local is set for the addresses of the bridge and its ports themselves,
	// which were not learnt from a frame.
	Local bool
}

// PortUp sets the host's port of the switch up, or down as if its cable were
// pulled: the host sees its carrier go. It returns when the port works, or does
// not. The host's own eth0 must be up.
func (l *Lab) PortUp(h *Host, up bool) error {
	return l.portUp(h.Port, up, func(ctx context.Context) error { return l.awaitCarrier(ctx, h) })
}

// portUp sets a port up or down; await waits until it works.
func (l *Lab) portUp(port string, up bool, await func(context.Context) error) error {
	link, err := l.Switch.links.LinkByName(port)
	if err != nil {
		return fmt.Errorf("lab: find port %s of the switch: %w", port, err)
	}
	change := l.Switch.links.LinkSetDown
	if up {
		change = l.Switch.links.LinkSetUp
	}
	if err := change(link); err != nil {
		return fmt.Errorf("lab: set port %s of the switch up=%t: %w", port, up, err)
	}
	if !up {
		return nil
	}
	if err := await(context.Background()); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// FDB returns the switch's forwarding table as it is now. To learn whether an
// address was ever in it, use RecordFDB.
func (l *Lab) FDB() ([]Entry, error) {
	ports, err := l.Switch.ports()
	if err != nil {
		return nil, err
	}
	list, err := l.Switch.links.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		return nil, fmt.Errorf("lab: read the switch's forwarding table: %w", err)
	}
	var table []Entry
	for _, n := range list {
		if e, ok := ports.entry(n); ok {
			table = append(table, e)
		}
	}
	return table, nil
}

// ports are the names of the switch's interfaces by their index.
type ports map[int]string

func (h *Host) ports() (ports, error) {
	links, err := h.links.LinkList()
	if err != nil {
		return nil, fmt.Errorf("lab: list the ports of %s: %w", h.Name, err)
	}
	p := make(ports, len(links))
	for _, l := range links {
		p[l.Attrs().Index] = l.Attrs().Name
	}
	return p, nil
}

// entry reads a line of the table. Lines of no bridge are the interfaces' own
// address filters, which the kernel lists in the same breath.
func (p ports) entry(n netlink.Neigh) (Entry, bool) {
	if n.Family != unix.AF_BRIDGE || n.MasterIndex == 0 || len(n.HardwareAddr) != len(config.MAC{}) {
		return Entry{}, false
	}
	return Entry{
		MAC:   config.MAC(n.HardwareAddr),
		Port:  p[n.LinkIndex],
		Local: n.State&netlink.NUD_PERMANENT != 0,
	}, true
}
