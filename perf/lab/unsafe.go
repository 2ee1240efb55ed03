package lab

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// All of the package's unsafe code: golang.org/x/sys/unix has no call for the
// ethtool commands that carry one value.

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// ethtoolRequest is struct ifreq of linux/if.h (netdevice(7)) with its data
// pointer; the union after the name is 24 bytes on 64-bit machines.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// ethtoolSet runs one command with one value on an interface of the namespace
// that fd, any socket, was opened in.
func ethtoolSet(fd int, iface string, command, data uint32) error {
	value := &ethtoolValue{command, data}
	request := ethtoolRequest{data: unsafe.Pointer(value)}
	if len(iface) >= len(request.name) {
		return unix.ENODEV
	}
	copy(request.name[:], iface)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(value)
	if errno != 0 {
		return errno
	}
	return nil
}
