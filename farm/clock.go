package farm

import "golang.org/x/sys/unix"

// bootNow is the present on CLOCK_BOOTTIME in nanoseconds: the clock of all
// leases, which the kernel program reads too, and which goes on while the machine
// sleeps.
func bootNow() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("CLOCK_BOOTTIME: " + err.Error()) // Linux has it since 2.6.39
	}
	return t.Nano()
}
