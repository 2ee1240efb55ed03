package health

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands and a flag of the ethtool ioctl (linux/ethtool.h).
const (
	ethtoolGetFlags    = 0x25
	ethtoolGetChannels = 0x3c
	ethtoolFlagLRO     = 1 << 15
	ethtoolFlagRxVLAN  = 1 << 8
	ethtoolGetStrings  = 0x1b
	ethtoolGetFeatures = 0x3a
	ethtoolFeatureSet  = 4 // ETH_SS_FEATURES
)

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolChannels is struct ethtool_channels. Left out by name are the most that
// each can be, and the counts of the channels that only send or do neither.
type ethtoolChannels struct {
	cmd      uint32
	_        [4]uint32
	rxCount  uint32
	_        [2]uint32
	combined uint32
}

// The features of a device are bits, and the kernel names them: there are 64, and
// room for more.
const maxFeatures = 128

// ethtoolStrings is struct ethtool_gstrings with its data.
type ethtoolStrings struct {
	cmd, set, count uint32
	names           [maxFeatures][32]byte
}

// ethtoolFeatures is struct ethtool_gfeatures with its data.
type ethtoolFeatures struct {
	cmd, size uint32
	blocks    [maxFeatures / 32]struct{ available, requested, active, neverChanged uint32 }
}

// ifreqData is struct ifreq with a pointer in its union, 40 bytes on 64-bit
// machines (linux/if.h).
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// ethtool asks the interface's driver; the answer is written into request, whose
// first field is the command.
func ethtool[T ethtoolValue | ethtoolChannels | ethtoolStrings | ethtoolFeatures](fd int, name string, request *T) error {
	req := ifreqData{data: unsafe.Pointer(request)}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	runtime.KeepAlive(request)
	if errno != 0 {
		return fmt.Errorf("ethtool on %s: %w", name, errno)
	}
	return nil
}
