package segment

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveNow and sendNow are recvfrom(2) and sendto(2) that do not wait, without a word to
// the runtime. Told of a system call in a process at rest, it wakes its monitor, which
// then looks every 20 µs whether the call is stuck (runtime/proc.go: entersyscall,
// sysmon): a quarter of what an idle node cost.

func receiveNow(fd int, buffer []byte, flags int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(buffer))), uintptr(len(buffer)), uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
	return int(n), errno
}

func sendNow(fd int, frame []byte) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(frame))), uintptr(len(frame)), unix.MSG_DONTWAIT, 0, 0)
	return errno
}
