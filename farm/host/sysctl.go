package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const procSys = "/proc/sys"

// SetSysctl sets a sysctl under net/, after recording its value. The name has
// slashes, as sysctl(8) allows, so that a name of an interface may have dots:
// "net/ipv4/conf/eth0.100/arp_ignore". A sysctl that has the value already, or one that
// will do as well, is left alone and not recorded; one that is recorded is set again.
func (j *Journal) SetSysctl(name, value string, orElse ...string) error {
	if err := checkSysctlName(name); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	old, err := readSysctl(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sysctl %s: %w; does the interface exist?", name, err)
	}
	if err != nil {
		return fmt.Errorf("sysctl %s: %w", name, err)
	}
	if old == value || slices.Contains(orElse, old) {
		return nil
	}
	if e, recorded := j.sysctl(name); recorded {
		// Somebody else has set it meanwhile: what was there before this daemon came
		// is in the journal already.
		if err := writeSysctl(name, value); err != nil {
			return err
		}
		j.again(e)
		return nil
	}
	return j.make(Entry{Kind: KindSysctl, Name: name, Old: old}, func() error {
		return writeSysctl(name, value)
	})
}

// sysctl finds the record of a sysctl. The caller holds j.mu.
func (j *Journal) sysctl(name string) (Entry, bool) {
	i := slices.IndexFunc(j.state.Entries, func(e Entry) bool { return e.Kind == KindSysctl && e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return j.state.Entries[i], true
}

// readSysctl reads a value without its line end.
func readSysctl(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(procSys, name))
	return strings.TrimSpace(string(b)), err
}

func writeSysctl(name, value string) error {
	err := os.WriteFile(filepath.Join(procSys, name), []byte(value), 0)
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("set sysctl %s to %s: %w; /proc/sys is read-only: set it before the daemon starts, or let the unit write it (ProtectKernelTunables=no)", name, value, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("set sysctl %s to %s: %w; run as root", name, value, err)
	case err != nil:
		return fmt.Errorf("set sysctl %s to %s: %w", name, value, err)
	}
	return nil
}

// restoreSysctl writes the old value back. One that is gone went with its
// interface.
func restoreSysctl(name, old string) error {
	err := writeSysctl(name, old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
