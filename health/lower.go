package health

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// joinedBelow lists the interfaces at the bottom of a bridge, a bond or a VLAN's device
// that join packets. Under generic XDP the kernel joins none on the interface that has
// the program (netif_elide_gro, include/linux/netdevice.h), but on those below it.
func joinedBelow(top netlink.Link) ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces below it: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("ask the drivers of those below it: %w", err)
	}
	defer unix.Close(fd)
	var names []string
	for _, l := range bottom(top, links, 0) {
		if name := l.Attrs().Name; l != top && hasFeature(fd, name, "rx-gro") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// maxStacked is how many interfaces the kernel stacks at most (MAX_NEST_DEV).
const maxStacked = 8

// bottom are the interfaces that l's frames come in by, depth below the first.
func bottom(l netlink.Link, all []netlink.Link, depth int) (list []netlink.Link) {
	for _, lower := range all {
		if isBelow(lower, l) && depth < maxStacked {
			list = append(list, bottom(lower, all, depth+1)...)
		}
	}
	if len(list) == 0 {
		list = []netlink.Link{l}
	}
	return list
}

// isBelow tells whether upper is stacked on lower. That a veth's parent is its peer
// says nothing of the kind.
func isBelow(lower, upper netlink.Link) bool {
	low, up := lower.Attrs(), upper.Attrs()
	kind := upper.Type()
	return low.MasterIndex == up.Index || (kind == "vlan" || kind == "macvlan") && low.Index == up.ParentIndex
}
