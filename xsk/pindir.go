package xsk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// bpfFS is where the BPF file system is mounted (Linux, Documentation/bpf), and
// pinRoot what of it is ours.
const (
	bpfFS   = "/sys/fs/bpf"
	pinRoot = bpfFS + "/thresher"
)

// ErrNoBPFFS says that there is no BPF file system to pin in.
var ErrNoBPFFS = errors.New("no BPF file system at " + bpfFS + ": mount -t bpf bpf " + bpfFS)

// PinDir is a node's directory for pins. A dot cannot be in a name there
// (bpf_lookup, kernel/bpf/inode.c), and a plus cannot be in a node's. Nodes of several
// farms on one machine may have one name, and never one run directory: where that is
// not the usual one, a digest of its path comes after a comma.
func PinDir(runDir, node string) string {
	name := node
	if dir := filepath.Clean(runDir); dir != config.DefaultRunDir {
		sum := sha256.Sum256([]byte(dir))
		name += "," + hex.EncodeToString(sum[:8])
	}
	return filepath.Join(pinRoot, strings.ReplaceAll(name, ".", "+"))
}

// CanPin says why nothing can be pinned on this machine; nil if it can.
func CanPin() error {
	var s unix.Statfs_t
	if err := unix.Statfs(bpfFS, &s); err != nil || int64(s.Type) != unix.BPF_FS_MAGIC {
		return ErrNoBPFFS
	}
	return nil
}

// RemovePins removes a node's pins. What hangs by them alone is detached.
func RemovePins(dir string) error {
	errs := []error{RemovePrepared(dir)}
	for _, name := range []string{pinNative, pinGeneric, pinTCX, ""} {
		errs = append(errs, os.Remove(filepath.Join(dir, name)))
	}
	errs = append(errs, os.Remove(filepath.Dir(dir)))
	if err := errors.Join(slices.DeleteFunc(errs, isHarmless)...); err != nil {
		return fmt.Errorf("remove the pins of the XDP program: %w", err)
	}
	return nil
}

// isHarmless tells of what was not there, and of the directory in which another
// node of this machine has pins, too.
func isHarmless(err error) bool {
	return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY)
}
