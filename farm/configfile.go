package farm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"thresher/console"
)

// replaceFile writes a file in the place of one that is there, with its mode and its
// owner: a crash leaves the old one or the new. A link is followed.
func replaceFile(path string, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), keepOwner(f, info), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory puts a file's new name on the disk (fsync(2)).
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errNoFile answers who wants to see or change the configuration of a daemon that
// has no file.
var errNoFile = &console.Error{Code: console.CodeUnavailable, Message: "this daemon was not started from a file"}

// text is the configuration's file as it is.
func (s Self) text() ([]byte, error) {
	if s.File == "" || s.Parse == nil {
		return nil, errNoFile
	}
	b, err := os.ReadFile(s.File)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return b, nil
}
