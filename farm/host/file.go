package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"thresher/internal/wholefile"
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
	if err := wholefile.Replace(path, b, 0o600); err != nil {
		return fmt.Errorf("record a change before it is made: %w", err)
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
