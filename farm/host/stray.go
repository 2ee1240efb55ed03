package host

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// Stray is a VIP that somebody else has put on this machine, as an address that the
// kernel answers neighbours for by itself.
type Stray struct {
	Link   string
	Prefix netip.Prefix
}

// What says what is wrong, Cure what to do.
func (s Stray) What() string {
	return fmt.Sprintf("address %v is already on %s, and was not put there by this daemon", s.Prefix.Addr(), s.Link)
}

// Cure is the rest of What.
func (s Stray) Cure() string {
	return fmt.Sprintf("remove it (ip address del %v dev %s) and from the network configuration; the daemon adds it itself", s.Prefix, s.Link)
}

// Strays are those of the addresses that this machine has, but for what is recorded.
func Strays(addresses []netip.Addr, recorded []Entry) (found []Stray, err error) {
	all, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range all {
		have, ok := netip.AddrFromSlice(a.IP)
		if have = have.Unmap(); !ok || !slices.Contains(addresses, have) {
			continue
		}
		bits, _ := a.Mask.Size()
		s := Stray{linkName(a.LinkIndex), netip.PrefixFrom(have, bits)}
		if !slices.Contains(recorded, Entry{Kind: KindAddress, Link: s.Link, Prefix: s.Prefix}) {
			found = append(found, s)
		}
	}
	return found, nil
}

// Recorded are the changes that are written down in the journal at path, without
// opening it; known is false where this process may not read it.
func Recorded(path string) (entries []Entry, known bool, err error) {
	boot, err := bootID()
	if err != nil {
		return nil, false, err
	}
	s, err := readState(path, boot)
	if errors.Is(err, fs.ErrPermission) {
		return nil, false, nil
	}
	return s.Entries, err == nil, err
}
