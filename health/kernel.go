package health

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Kernel is a kernel's release, such as 6.18.2-cloud-amd64.
type Kernel struct {
	Release      string
	Major, Minor int
}

// AtLeast compares the version's first two numbers.
func (k Kernel) AtLeast(major, minor int) bool {
	return k.Major > major || k.Major == major && k.Minor >= minor
}

func runningKernel() (Kernel, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Kernel{}, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	return parseKernel(unix.ByteSliceToString(u.Release[:]))
}

func parseKernel(release string) (Kernel, error) {
	k := Kernel{Release: release}
	if _, err := fmt.Sscanf(release, "%d.%d", &k.Major, &k.Minor); err != nil {
		return Kernel{}, fmt.Errorf("kernel release %q: want one such as 6.1.0: %w", release, err)
	}
	return k, nil
}
