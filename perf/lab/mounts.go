package lab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// bpfFS is where programs pin what is to outlive them.
const bpfFS = "/sys/fs/bpf"

// ownMounts gives the calling thread, and the processes that it starts, a mount
// namespace with a BPF file system of its own. It vanishes with the last of
// them. Nothing of it reaches the machine's mounts: they are made private here
// before anything is mounted.
func ownMounts() error {
	// CLONE_NEWNS takes CLONE_FS along, so that the other threads of this process
	// keep theirs (unshare(2)).
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("bpf", bpfFS, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return fmt.Errorf("mount a BPF file system: %w", err)
	}
	return nil
}
