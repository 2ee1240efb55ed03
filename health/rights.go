package health

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// missingRights lists the capabilities that the daemon needs and the calling
// thread does not have in effect (capabilities(7)).
func missingRights() ([]string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 has 64 bits in two words
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("ask for this process's capabilities: %w", err)
	}
	return missingFrom(uint64(data[1].Effective)<<32 | uint64(data[0].Effective)), nil
}

// missingFrom is missingRights for a set of effective capabilities.
func missingFrom(effective uint64) (missing []string) {
	has := func(bits ...int) bool {
		for _, b := range bits {
			if effective&(1<<b) != 0 {
				return true
			}
		}
		return false
	}
	if !has(unix.CAP_NET_ADMIN) {
		missing = append(missing, "CAP_NET_ADMIN")
	}
	if !has(unix.CAP_NET_RAW) {
		missing = append(missing, "CAP_NET_RAW")
	}
	// CAP_SYS_ADMIN includes it, for programs from before Linux 5.8.
	if !has(unix.CAP_BPF, unix.CAP_SYS_ADMIN) {
		missing = append(missing, "CAP_BPF")
	}
	// Without it, the verifier refuses to subtract packet pointers, as the fence on
	// the way to the stack does (allow_ptr_leaks in kernel/bpf/verifier.c).
	if !has(unix.CAP_PERFMON, unix.CAP_SYS_ADMIN) {
		missing = append(missing, "CAP_PERFMON")
	}
	return missing
}
