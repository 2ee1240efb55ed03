// Package wholefile writes files that are there whole or not at all, also after a
// crash or a power cut, and on the disk when a call returns.
//
// google/renameio (v2.0.2) does the first half: it syncs no directory, so that a new
// name may be lost, and gives a file another owner.
//
// It also reads files that are regular and no longer than is meant, and waits for locks.
package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create makes a file that only its owner may read. One that is there already stays:
// the error is fs.ErrExist.
func Create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Replace puts text in a file's place, which keeps its mode and its owner, or makes a
// file of this mode. A link is followed.
func Replace(path string, text []byte, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	old, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, liken(f, old, mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

// liken gives a file the owner and the mode of the old one; the mode alone if there is
// no old one.
func liken(f *os.File, old fs.FileInfo, mode fs.FileMode) error {
	if old == nil {
		return f.Chmod(mode)
	}
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		err := f.Chown(int(stat.Uid), int(stat.Gid))
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("the new file can't belong to user %d and group %d as the one before: %w; `chown %d:%d` that one, or run with CAP_CHOWN",
				stat.Uid, stat.Gid, err, os.Geteuid(), os.Getegid())
		}
		if err != nil {
			return err
		}
	}
	return f.Chmod(old.Mode().Perm())
}

// SyncDir puts on the disk what was made, renamed and removed in a directory: the sync
// of a file does not (fsync(2)).
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
