package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// readState reads a journal's file. A file that is not there is an empty one;
// one of an earlier boot counts as empty, since its changes went with the boot.
func readState(path, boot string) (state, error) {
	fresh := state{Version: formatVersion, Boot: boot}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the record of changes: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err != nil {
		return state{}, fmt.Errorf("read the record of changes: %w", err)
	}
	s, err := decode(b)
	if err != nil {
		return state{}, fmt.Errorf("%s: %w; look for leftovers by hand (ip address show lo; ip link show type veth), then remove the file, or restart the machine", path, err)
	}
	if s.Boot != boot {
		return fresh, nil
	}
	return s, nil
}

// writeState replaces a journal's file so that after a crash at any moment
// either the old or the new one is there, whole.
func writeState(path string, s state) error {
	b, err := encode(s)
	if err != nil {
		return err
	}
	// The name is fixed, so that a crash leaves at most one behind; the node's
	// lock keeps a second writer out.
	temp := path + ".new"
	if err := writeSynced(temp, b); err != nil {
		return fmt.Errorf("record a change before it is made: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("record a change before it is made: %w", errors.Join(err, os.Remove(temp)))
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// syncDir makes a rename or a removal in the directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the record of changes: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the record of changes: %w", err)
	}
	return nil
}

// bootID names the running boot: random(4), /proc/sys/kernel/random/boot_id.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
