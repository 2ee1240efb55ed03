package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"strings"
)

// The kinds of change that a journal can hold: Entry.Kind.
const (
	KindSysctl  = "sysctl"
	KindAddress = "address"
	KindLink    = "link"
	KindMAC     = "mac"
	// KindPromiscuous is an interface that accepts every frame.
	KindPromiscuous = "promiscuous"
)

// formatVersion is the version of the journal's format. A journal of another
// version is refused rather than half understood.
const formatVersion = 1

// maxJournal bounds what is read, in bytes; a farm of the largest size that the
// configuration allows needs a few kilobytes.
const maxJournal = 1 << 20

// ErrDamaged says that a journal cannot be read, so that what the daemon once
// changed on this machine is not known.
var ErrDamaged = errors.New("journal damaged")

// Entry is one change to the machine, with what it takes to undo it.
type Entry struct {
	// Kind is "sysctl", "address", "link", "mac" or "promiscuous"; it says which other fields
	// count.
	Kind string `json:"kind"`
	// Name is a sysctl's path under /proc/sys, with slashes, since a name of an
	// interface may have dots in it (as sysctl(8) allows).
	Name string `json:"name,omitempty"`
	// Old is the sysctl's value before the change.
	Old string `json:"old,omitempty"`
	// Link is the interface that got an address, of either kind, or that was
	// created.
	Link string `json:"link,omitempty"`
	// Owner is the group of an interface that was created (ip-link(8)), by which it is
	// told from another one of that name; 0 if it has none.
	Owner int `json:"owner,omitempty"`
	// Prefix is the address that was added.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	// MAC is the Ethernet address that the interface was made to accept.
	MAC string `json:"mac,omitempty"`
}

// String says what the change was.
func (e Entry) String() string {
	switch e.Kind {
	case KindSysctl:
		return fmt.Sprintf("sysctl %s, before %q", e.Name, e.Old)
	case KindAddress:
		return fmt.Sprintf("address %v on %s", e.Prefix, e.Link)
	case KindLink:
		return "interface " + e.Link
	case KindPromiscuous:
		return "every frame on " + e.Link
	case KindMAC:
		return fmt.Sprintf("frames to %s on %s", e.MAC, e.Link)
	}
	return "change of unknown kind " + e.Kind
}

// check makes sure that undoing the entry touches what such an entry may touch:
// the file is read by root, and might have been written by somebody else.
func (e Entry) check() error {
	switch e.Kind {
	case KindSysctl:
		return checkSysctlName(e.Name)
	case KindAddress:
		if !e.Prefix.IsValid() || e.Prefix.Addr().Is4In6() {
			return errors.New("address entry without a valid prefix")
		}
		return checkLinkName(e.Link)
	case KindLink, KindPromiscuous:
		return checkLinkName(e.Link)
	case KindMAC:
		if mac, err := net.ParseMAC(e.MAC); err != nil || len(mac) != 6 {
			return fmt.Errorf("%q is no Ethernet address", e.MAC)
		}
		return checkLinkName(e.Link)
	}
	return fmt.Errorf("unknown kind of change %q", e.Kind)
}

func checkSysctlName(name string) error {
	if !fs.ValidPath(name) || !strings.HasPrefix(name, "net/") {
		return fmt.Errorf("sysctl %q: want a path such as net/ipv4/conf/eth0/arp_ignore", name)
	}
	return nil
}

// checkLinkName holds a name against the kernel's rule (dev_valid_name,
// net/core/dev.c): 1 to 15 bytes, without slash, colon or space.
func checkLinkName(name string) error {
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r\x00") {
		return fmt.Errorf("%q is no name of an interface", name)
	}
	return nil
}

// state is what a journal's file holds.
type state struct {
	Version int `json:"version"`
	// Boot is the kernel's boot id. A restart of the machine undoes everything.
	Boot    string  `json:"boot"`
	Entries []Entry `json:"entries"`
}

func encode(s state) ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	return append(b, '\n'), nil
}

// decode reads a journal strictly: whatever it does not know is ErrDamaged.
func decode(b []byte) (state, error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return state{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return state{}, fmt.Errorf("%w: more after its end", ErrDamaged)
	}
	if s.Version != formatVersion {
		return state{}, fmt.Errorf("%w: format version %d, this program knows %d", ErrDamaged, s.Version, formatVersion)
	}
	for i, e := range s.Entries {
		if err := e.check(); err != nil {
			return state{}, fmt.Errorf("%w: entry %d: %w", ErrDamaged, i, err)
		}
	}
	return s, nil
}
