package health

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// vlansOn lists the devices for VLANs on top of an interface.
func vlansOn(index int) ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the devices on top of it: %w", err)
	}
	var names []string
	for _, l := range links {
		if a := l.Attrs(); a.ParentIndex == index && l.Type() == "vlan" {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// vlans judges tags that the kernel program does not get to see: a VLAN's frame
// looks to it like one of the untagged network.
func (f Facts) vlans() Finding {
	if len(f.HiddenVLANs) == 0 {
		return ok("no VLAN's frames are taken for those of %s", f.Interface)
	}
	return Finding{LevelWarn, fmt.Sprintf("the card takes VLAN tags off on %s, so that frames of %s for the same addresses are taken for its own",
		f.Interface, strings.Join(f.HiddenVLANs, ", ")), "ethtool -K " + f.Interface + " rxvlan off"}
}

// groHW judges the card's own joining of packets: drivers refuse native XDP with
// it, and what is joined is too long for an AF_XDP frame.
func (f Facts) groHW() Finding {
	if !f.GROHW {
		return ok("hardware GRO of %s is off", f.Interface)
	}
	return Finding{LevelWarn, "hardware GRO of " + f.Interface + " is on: the card joins packets into ones too long for AF_XDP",
		"ethtool -K " + f.Interface + " rx-gro-hw off"}
}
