package probe

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// interfaceProbe looks after a link: up, with a carrier, and fast enough.
func interfaceProbe(c config.InterfaceCheck) Func {
	return func(context.Context) Result {
		link, err := netlink.LinkByName(c.Interface)
		if err != nil {
			return failed("%v", err)
		}
		// IFF_LOWER_UP is the driver's signal (netdevice(7)), which RUNNING damps.
		switch flags := link.Attrs().RawFlags; {
		case flags&unix.IFF_UP == 0:
			return failed("%s is down", c.Interface)
		case flags&unix.IFF_LOWER_UP == 0:
			return failed("%s has no carrier", c.Interface)
		}
		if c.MinSpeed == 0 {
			return ok("%s has a carrier", c.Interface)
		}
		speed, err := speedOf(c.Interface)
		switch {
		case err != nil:
			return failed("the speed of %s is not known: %v", c.Interface, err)
		case speed < c.MinSpeed:
			return failed("%s runs at %d Mb/s, less than %d", c.Interface, speed, c.MinSpeed)
		}
		return ok("%s runs at %d Mb/s", c.Interface, speed)
	}
}

// speedOf is in Mb/s (Linux, Documentation/ABI/testing/sysfs-class-net).
func speedOf(name string) (int, error) {
	text, err := os.ReadFile("/sys/class/net/" + name + "/speed")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// addressProbe looks for an address that is usable: neither tentative nor found to
// be another machine's, too (RFC 4862, 5.4).
func addressProbe(c config.AddressCheck) Func {
	return func(context.Context) Result {
		var link netlink.Link
		if c.Interface != "" {
			var err error
			if link, err = netlink.LinkByName(c.Interface); err != nil {
				return failed("%s: %v", c.Interface, err)
			}
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return failed("%v", err)
		}
		for _, a := range addrs {
			if !a.IP.Equal(c.Address.AsSlice()) {
				continue
			}
			if a.Flags&unix.IFA_F_DADFAILED != 0 {
				return failed("%v is another machine's, too", c.Address)
			}
			return ok("%v is there", c.Address)
		}
		where := "this machine"
		if c.Interface != "" {
			where = fmt.Sprintf("interface %s", c.Interface)
		}
		return failed("%s does not have %v", where, c.Address)
	}
}
