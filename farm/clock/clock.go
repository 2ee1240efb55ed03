// Package clock tells the time by which leases end: CLOCK_BOOTTIME, which the kernel
// program reads too, and which goes on while the machine sleeps. It tells it to the
// confirmation, which makes the leases, and to the packet path, which goes by them. Any
// goroutine may ask.
package clock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"thresher/cluster/confirm"
)

// Now is the present as the protocol has it.
func Now() confirm.Time { return confirm.Time(Nanoseconds()) }

// Nanoseconds is the present in nanoseconds, as the packet path has it.
func Nanoseconds() int64 {
	t, errno := read(unix.CLOCK_BOOTTIME)
	if errno != 0 {
		panic("CLOCK_BOOTTIME: " + errno.Error()) // Linux has it since 2.6.39
	}
	return t.Nano()
}

// timeOffsets are the clocks of this process's time namespace against the
// machine's (time_namespaces(7)).
const timeOffsets = "/proc/self/timens_offsets"

// SameAsKernel refuses a process whose CLOCK_BOOTTIME is not the kernel's own, which
// bpf_ktime_get_boot_ns reads whatever the namespace: a lease written by the one
// would end by the other much later, or never. A kernel without time namespaces has
// no such file.
func SameAsKernel() error {
	text, err := os.ReadFile(timeOffsets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("compare this process's clock with the kernel's: %w", err)
	}
	return unshifted(string(text))
}

// unshifted reads lines of a clock, its offset in seconds, and in nanoseconds.
func unshifted(offsets string) error {
	for line := range strings.Lines(offsets) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "boottime" {
			continue
		}
		if f[1] != "0" || f[2] != "0" {
			return fmt.Errorf("CLOCK_BOOTTIME is %s s off the kernel's in this time namespace, by which no lease would end in time; run the daemon in the machine's own", f[1])
		}
	}
	return nil
}
