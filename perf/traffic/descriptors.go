package traffic

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// otherDescriptors is room for all that a process has open beside connections.
const otherDescriptors = 1000

// allowDescriptors raises this process's limit of open files, where it is lower, so
// that n more connections fit. Root may raise the hard limit too, up to the sysctl
// fs.nr_open, a million.
func allowDescriptors(n int) error {
	need := uint64(n + otherDescriptors)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	limit.Cur, limit.Max = need, max(limit.Max, need)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", need, err)
	}
	return nil
}
