package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// diskSize is of a disk with Debian on it; the file is sparse.
const diskSize = "2G"

// debianPackages are what is on it besides the least that Debian is: a service
// manager, what it is asked by, and a server for it to start.
const debianPackages = "systemd,systemd-sysv,dbus,iproute2,procps,nginx"

// FetchDisk returns the path of a disk's image with the Debian on it that a kernel is
// of. It is made once, and lies beside the kernels.
func FetchDisk(ctx context.Context, k Kernel) (string, error) {
	suite, err := suiteOf(k.series())
	if err != nil {
		return "", err
	}
	suite = strings.TrimSuffix(suite, "-backports")
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	disk := filepath.Join(cache, "debian-"+suite)
	if _, err := os.Stat(disk); err == nil {
		return disk, nil
	}
	temporary, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	if err := makeDisk(ctx, suite, temporary, filepath.Join(temporary, "disk")); err != nil {
		return "", fmt.Errorf("vm: make a disk with Debian %s: %w (apt-get install debootstrap e2fsprogs; %s names another mirror)", suite, err, mirrorVariable)
	}
	return disk, os.Rename(filepath.Join(temporary, "disk"), disk)
}

// makeDisk installs the suite into a directory, and makes a file system of it.
func makeDisk(ctx context.Context, suite, dir, disk string) error {
	root := filepath.Join(dir, "root")
	mirror := cmp.Or(os.Getenv(mirrorVariable), defaultMirror)
	for _, c := range [][]string{
		{"debootstrap", "--variant=minbase", "--include=" + debianPackages, suite, root, mirror},
		{"chroot", root, "apt-get", "clean"},
	} {
		if out, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", c[0], err, out[max(0, len(out)-2000):])
		}
	}
	if err := quiet(root); err != nil {
		return err
	}
	// No journal: the disk never outlives its machine.
	c := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, disk, diskSize)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	return nil
}

// quiet switches off what would start by itself: nginx is for the tests to start, and
// timers cost time.
func quiet(root string) error {
	var errs []error
	for _, pattern := range []string{"multi-user.target.wants/nginx.service", "timers.target.wants/*"} {
		links, err := filepath.Glob(filepath.Join(root, "etc/systemd/system", pattern))
		errs = append(errs, err)
		for _, link := range links {
			errs = append(errs, os.Remove(link))
		}
	}
	return errors.Join(errs...)
}
