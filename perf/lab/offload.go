package lab

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Offloads are the shortcuts of a veth pair that are left on. Where one is on,
// frames inside the lab are not what a wire would carry.
type Offloads struct {
	// Checksum leaves TCP and UDP checksums unfinished when sending. A frame
	// that goes through AF_XDP is then received with a wrong checksum.
	Checksum bool
	// Segmentation sends TCP data in pieces larger than the MTU (TSO and GSO).
	// Without Checksum it has no effect.
	Segmentation bool
	// GRO joins received segments. On veth it also runs the receiver in a NAPI
	// context of its own, without which the peer can neither XDP_REDIRECT to it
	// nor ndo_xdp_xmit, unless an XDP program is attached.
	GRO bool
	// VLAN carries VLAN tags beside the frame instead of in it.
	VLAN bool
}

// vlanFlags are the bits of ETHTOOL_SFLAGS that carry VLAN tags beside frames,
// ETH_FLAG_TXVLAN and ETH_FLAG_RXVLAN of linux/ethtool.h.
const vlanFlags = 1<<7 | 1<<8

// SetOffloads changes the offloads of one of the host's interfaces. As with
// ethtool(8), EOPNOTSUPP for turning on what the driver lacks.
func (h *Host) SetOffloads(iface string, o Offloads) error {
	flags := uint32(0)
	if o.VLAN {
		flags = vlanFlags
	}
	steps := []struct {
		name    string
		command uint32
		value   uint32
	}{
		{"tx checksum", unix.ETHTOOL_STXCSUM, toggle(o.Checksum)},
		{"tso", unix.ETHTOOL_STSO, toggle(o.Segmentation && o.Checksum)},
		{"gso", unix.ETHTOOL_SGSO, toggle(o.Segmentation && o.Checksum)},
		{"gro", unix.ETHTOOL_SGRO, toggle(o.GRO)},
		// The same command turns LRO off.
		{"vlan and lro", unix.ETHTOOL_SFLAGS, flags},
	}
	return h.thread.do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("lab: open a socket for ethtool: %w", err)
		}
		defer unix.Close(fd)
		for _, s := range steps {
			err := ethtoolSet(fd, iface, s.command, s.value)
			if errors.Is(err, unix.EOPNOTSUPP) && s.value == 0 {
				continue // What the driver lacks is off already.
			}
			if err != nil {
				return fmt.Errorf("lab: set %s of %s on %s: %w", s.name, iface, h.Name, err)
			}
		}
		return nil
	})
}

func toggle(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
