package health

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"thresher/internal/wholefile"
)

// FindDirectory tells whether files can be made in a directory, which may have to be made
// first: what is wrong, and the cure; nothing if they can. It tries, and leaves nothing
// behind. What only root may is not said of others: a finding of its own says so.
func FindDirectory(name string) (problem, cure string) {
	at := name
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	if err == nil && !info.IsDir() {
		return at + " is no directory", "name a directory"
	}
	if err == nil {
		err = tryDirectory(at)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return "", ""
	}
	return fmt.Sprintf("no files can be made in %s: %v", name, err), "name a directory with room that the daemon can make and write"
}

// tryDirectory makes a directory with a file in it, and removes them.
func tryDirectory(at string) (err error) {
	dir, err := os.MkdirTemp(at, ".thresher-check-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return wholefile.Create(filepath.Join(dir, "try"), make([]byte, os.Getpagesize()))
}

// FindCommand tells whether a program is there and may be run: what is wrong, and the
// cure; nothing if it can.
func FindCommand(name string) (problem, cure string) {
	_, err := exec.LookPath(name)
	if err == nil {
		return "", ""
	}
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	cure = "install it, or name the file that it is in"
	if errors.Is(err, fs.ErrPermission) {
		cure = "chmod +x " + name + ", or name another file"
	}
	return fmt.Sprintf("%s can't be run: %v", name, err), cure
}
