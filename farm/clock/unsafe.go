package clock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// read is clock_gettime(2) without a word to the runtime: of a system call in a
// process at rest it would wake its monitor (cluster/segment/unsafe.go), and the
// confirmation looks at the clock a dozen times for each heartbeat.
func read(clock int32) (t unix.Timespec, errno unix.Errno) {
	_, _, errno = unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0)
	return t, errno
}
