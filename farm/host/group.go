package host

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Rejoin has an interface leave the groups that the journal has made it a member
// of, and join them again, so that a switch which has forgotten them hears of them
// at once and not only after its next query: the kernel does not report when a
// carrier comes back.
func (j *Journal) Rejoin(link string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, e := range j.state.Entries {
		if e.Kind == KindAddress && e.Link == link && e.Prefix.Addr().IsMulticast() {
			errs = append(errs, rejoin(e))
		}
	}
	return errors.Join(errs...)
}

func rejoin(e Entry) error {
	if err := removeAddress(e.Link, e.Prefix); err != nil {
		return fmt.Errorf("leave group %v on %s: %w", e.Prefix.Addr(), e.Link, err)
	}
	l, err := netlink.LinkByName(e.Link)
	if err == nil {
		err = netlink.AddrAdd(l, netlinkAddr(e.Prefix))
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("join group %v on %s: %w%s", e.Prefix.Addr(), e.Link, err, cureOf(err))
	}
	return nil
}
