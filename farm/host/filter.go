package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// MACFilter makes an interface accept frames to a further Ethernet address. The
// entry belongs to a packet socket, so the kernel removes it when the process
// ends, however it ends.
type MACFilter struct{ fd int }

// OpenMACFilter has the interface with this index accept frames to mac until
// Close. A card without room for more addresses in its filter goes into
// promiscuous mode by itself (__dev_set_rx_mode, net/core/dev.c). It needs
// CAP_NET_RAW.
func OpenMACFilter(ifindex int, mac config.MAC) (*MACFilter, error) {
	// Protocol 0: the socket receives nothing (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("accept frames to %v: open a packet socket: %w; run as root or grant CAP_NET_RAW", mac, err)
	}
	if err != nil {
		return nil, fmt.Errorf("accept frames to %v: open a packet socket: %w", mac, err)
	}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, membership(ifindex, mac)); err != nil {
		err = fmt.Errorf("accept frames to %v on interface %d: %w", mac, ifindex, err)
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &MACFilter{fd}, nil
}

// InheritMACFilter goes on with the filter that this process had before it ran
// its program anew.
func InheritMACFilter(fd int) *MACFilter {
	unix.CloseOnExec(fd)
	return &MACFilter{fd}
}

// Descriptor is the filter's own, for InheritMACFilter.
func (f *MACFilter) Descriptor() int { return f.fd }

// membership is packet(7)'s request; a group address has a list of its own.
func membership(ifindex int, mac config.MAC) *unix.PacketMreq {
	m := &unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_UNICAST, Alen: uint16(len(mac))}
	if mac[0]&1 != 0 {
		m.Type = unix.PACKET_MR_MULTICAST
	}
	copy(m.Address[:], mac[:])
	return m
}

// Close removes the entry. Closing twice does nothing more.
func (f *MACFilter) Close() error {
	if f.fd < 0 {
		return nil
	}
	err := unix.Close(f.fd)
	f.fd = -1
	if err != nil {
		return fmt.Errorf("close a packet socket: %w", err)
	}
	return nil
}
