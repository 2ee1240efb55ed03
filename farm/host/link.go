package host

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// RecordLink records that the caller is about to create a veth pair with an end
// of this name, in the group owner; deleting that end deletes both. An interface of
// that name that exists already is an error, since Undo would delete it.
func (j *Journal) RecordLink(name string, owner int) error {
	e := Entry{Kind: KindLink, Link: name, Owner: owner}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.holds(e) {
		return nil
	}
	_, err := netlink.LinkByName(name)
	switch {
	case err == nil:
		return fmt.Errorf("interface %s exists already, and was not made by this daemon: remove it (ip link del %s) or give it another name", name, name)
	case !isNoLink(err):
		return fmt.Errorf("look for interface %s: %w", name, err)
	}
	return j.record(e)
}

// deleteVeth deletes a veth pair by one end's name, if it is there and its owner's.
func deleteVeth(name string, owner int) error {
	l, err := netlink.LinkByName(name)
	if isNoLink(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner != 0 && int(l.Attrs().Group) != owner {
		return nil // made by somebody else, who was faster
	}
	if l.Type() != "veth" {
		return fmt.Errorf("%s is a %s interface now, not the veth pair that was made: left alone", name, l.Type())
	}
	if err := netlink.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}
