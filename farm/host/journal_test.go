package host

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

var equalEntries = cmp.Comparer(func(a, b Entry) bool { return a == b })

const (
	ignoreDotted = "net/ipv4/conf/eth0.100/arp_ignore"
	announce     = "net/ipv4/conf/eth0/arp_announce"
)

// changeAll makes one change of every kind.
func changeAll(t *testing.T, j *Journal) error {
	t.Helper()
	return errors.Join(
		j.SetSysctl(ignoreDotted, "1"), j.SetSysctl(announce, "2"), j.SetSysctl(announce, "1"),
		j.AddAddress("lo", vip4), j.AddAddress("lo", vip6), j.AddAddress("lo", vip4),
		j.RecordLink("thr0", 0), addVeth("thr0", "thr1"))
}

func addVeth(name, peer string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer})
}

func TestChangesAreMadeAndUndoneByTheNextProcess(t *testing.T) {
	ns := machine(t)
	first, path := journalIn(t)
	ns.Do(t, func() error {
		if err := changeAll(t, first); err != nil {
			return err
		}
		if got := sysctlOf(t, ignoreDotted) + sysctlOf(t, announce); got != "11" {
			t.Errorf("sysctls = %s", got)
		}
		if diff := cmp.Diff([]string{"192.0.2.100/32", "2001:db8::100/128 nodad deprecated"}, addresses(t, "lo")); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
		want := []Entry{
			{Kind: "sysctl", Name: ignoreDotted, Old: "0"},
			{Kind: "sysctl", Name: announce, Old: "0"},
			{Kind: "address", Link: "lo", Prefix: vip4}, {Kind: "address", Link: "lo", Prefix: vip6},
			{Kind: "link", Link: "thr0"},
		}
		if diff := cmp.Diff(want, onDisk(t, path), equalEntries); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}

		next := reopen(t, path) // the first one crashed
		if diff := cmp.Diff(want, next.Entries(), equalEntries); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		if err := next.Undo(); err != nil {
			t.Error(err)
		}
		if got := sysctlOf(t, ignoreDotted) + sysctlOf(t, announce); got != "00" {
			t.Errorf("sysctls after undo = %s", got)
		}
		if got := addresses(t, "lo"); got != nil {
			t.Errorf("addresses after undo = %v", got)
		}
		for _, name := range []string{"thr0", "thr1"} {
			if _, err := netlink.LinkByName(name); !isNoLink(err) {
				t.Errorf("%s after undo: %v", name, err)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("file after undo: %v", err)
		}
		return next.Undo() // nothing left to do
	})
}

func TestUndoTakesWhatIsGoneForUndone(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	ns.Do(t, func() error {
		if err := changeAll(t, j); err != nil {
			return err
		}
		// An address of an interface that vanishes with it.
		if err := j.AddAddress("eth0", netip.MustParsePrefix("198.51.100.9/32")); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, name := range []string{"eth0", "thr0"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkDel(l); err != nil {
				return err
			}
		}
		if err := netlink.AddrDel(lo, netlinkAddr(vip4)); err != nil {
			return err
		}
		if err := j.Undo(); err != nil {
			t.Errorf("undo: %v", err)
		}
		if got := addresses(t, "lo"); got != nil || onDisk(t, path) != nil {
			t.Errorf("left: %v, and in the file %v", got, onDisk(t, path))
		}
		return nil
	})
}

func TestUndoGoesOnAfterAnErrorAndKeepsWhatFailed(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	ns.Do(t, func() error {
		if err := errors.Join(j.AddAddress("lo", vip4), j.RecordLink("thr0", 0), j.SetSysctl(announce, "2")); err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "thr0" // somebody else's bridge took the name
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		err := j.Undo()
		if err == nil || !strings.Contains(err.Error(), "interface thr0") || !strings.Contains(err.Error(), "bridge") {
			t.Errorf("error = %v, want one that names thr0 and the bridge", err)
		}
		if got := addresses(t, "lo"); got != nil || sysctlOf(t, announce) != "0" {
			t.Errorf("the others were not undone: %v, %s", got, sysctlOf(t, announce))
		}
		if diff := cmp.Diff([]Entry{{Kind: "link", Link: "thr0"}}, onDisk(t, path), equalEntries); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	ns := machine(t)
	ns.Addr(t, "eth0", "192.0.2.100/24")
	j, path := journalIn(t)
	ns.Do(t, func() error {
		for name, tc := range map[string]struct {
			err  error
			want string
		}{
			"address there":     {j.AddAddress("lo", vip4), "ip address del 192.0.2.100/24 dev eth0"},
			"unknown interface": {j.AddAddress("eth9", vip6), "eth9"},
			"link there":        {j.RecordLink("eth0", 0), "ip link del eth0"},
			"link name":         {j.RecordLink("a/b", 0), "no name of an interface"},
			"no such sysctl":    {j.SetSysctl("net/ipv4/conf/eth9/arp_ignore", "1"), "does the interface exist"},
			"value refused":     {j.SetSysctl(announce, "many"), announce},
			"climbs out":        {j.SetSysctl("net/../kernel/hostname", "x"), "want a path such as"},
			"not of the net":    {j.SetSysctl("kernel/hostname", "x"), "want a path such as"},
		} {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
				t.Errorf("%s: error = %v, want one with %q", name, tc.err, tc.want)
			}
		}
		if err := j.SetSysctl(announce, "0"); err != nil { // as it is
			return err
		}
		if got := onDisk(t, path); got != nil {
			t.Errorf("recorded without a change: %v", got)
		}
		return nil
	})
}

// The record must be there first: without it, no change.
func TestNothingIsChangedThatCannotBeRecorded(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	ns.Do(t, func() error {
		for _, err := range []error{j.SetSysctl(announce, "2"), j.AddAddress("lo", vip4), j.RecordLink("thr0", 0)} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error = %v", err)
			}
		}
		if got := addresses(t, "lo"); got != nil || sysctlOf(t, announce) != "0" || len(j.Entries()) != 0 {
			t.Errorf("changed all the same: %v, %s, %v", got, sysctlOf(t, announce), j.Entries())
		}
		return nil
	})
}

// What somebody else undoes is made again, told of, and recorded once.
func TestWhatIsUndoneMeanwhileIsMadeAgain(t *testing.T) {
	ns := machine(t)
	j, path := journalIn(t)
	var told []string
	j.OnRestore(func(e Entry) { told = append(told, e.String()) })
	ns.Do(t, func() error {
		make := func() error {
			return errors.Join(j.SetSysctl(announce, "2"), j.AddAddress("lo", vip4), j.AddAddress("lo", vip6))
		}
		if err := errors.Join(make(), make()); err != nil {
			return err
		}
		before := onDisk(t, path)
		if len(told) != 0 {
			t.Errorf("nothing was undone, and told: %q", told)
		}
		err := errors.Join(writeSysctl(announce, "1"), removeAddress("lo", vip4), removeAddress("lo", vip6), make())
		if diff := cmp.Diff([]string{
			`sysctl net/ipv4/conf/eth0/arp_announce, before "0"`, "address 192.0.2.100/32 on lo", "address 2001:db8::100/128 on lo",
		}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"192.0.2.100/32", "2001:db8::100/128 nodad deprecated"}, addresses(t, "lo")); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, onDisk(t, path), equalEntries); diff != "" {
			t.Errorf("file (-before +after):\n%s", diff)
		}
		err = errors.Join(err, j.Undo())
		if got := sysctlOf(t, announce); got != "0" {
			t.Errorf("%s = %s after all is undone", announce, got)
		}
		return err
	})
}

// A pair that somebody else has made under the name that was written down stays.
func TestAnothersLinkStays(t *testing.T) {
	ns := machine(t)
	j, _ := journalIn(t)
	ns.Do(t, func() error {
		if err := errors.Join(j.RecordLink("thr0", 7), addVeth("thr0", "thr1"), j.Undo()); err != nil {
			return err
		}
		other, err := netlink.LinkByName("thr0")
		if err != nil {
			t.Error("it is gone")
			return err
		}
		if err := errors.Join(netlink.LinkSetGroup(other, 7), record(j, Entry{Kind: KindLink, Link: "thr0", Owner: 7}), j.Undo()); err != nil {
			return err
		}
		if _, err := netlink.LinkByName("thr0"); !isNoLink(err) {
			t.Errorf("its own is there: %v", err)
		}
		return nil
	})
}

// record writes a change down that was made before.
func record(j *Journal, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.record(e)
}
