package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// disk is the machine's, if it has one.
const disk = "/dev/vda"

// carried is where the initramfs has what belongs on the disk.
const carried = "/carried"

// switchRoot makes the disk the machine's root, with what the initramfs carries for
// it, and goes on as its first process, as switch_root(8) does. It returns nil where
// there is no disk.
func switchRoot() error {
	if _, err := os.Stat(disk); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	const root = "/root"
	if err := unix.Mount(disk, root, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	if err := os.CopyFS(root, os.DirFS(carried)); err != nil {
		return err
	}
	for _, at := range []string{"/dev", "/proc", "/sys", "/run"} {
		if err := unix.Mount(at, root+at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, os.Environ())
}
