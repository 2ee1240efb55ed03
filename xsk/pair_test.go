package xsk

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// A pair belongs to one interface: another one takes the next, and leaves it alone
// also where both have chosen the same.
func TestPairsOfTwoInterfaces(t *testing.T) {
	w := newWire(t, 1)
	free := func(want Pair) {
		t.Helper()
		if p, err := FreePair(); err != nil || p != want {
			t.Errorf("pair %d is free, %v, want %d", p, err, want)
		}
	}
	free(0)
	first, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	free(1)
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth8"}, PeerName: "far8"}))
	other, err := netlink.LinkByName("eth8")
	must(t, err)
	if _, err := OpenStack(other, 1, 0); err == nil {
		t.Error("another interface's pair was taken")
	}
	second, err := OpenStack(other, 1, 1)
	must(t, err)
	free(2)
	again, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	if again.In != first.In || second.In == first.In {
		t.Errorf("interfaces %d, %d and %d", first.In, second.In, again.In)
	}
	must(t, second.Close())
	free(1)
	must(t, again.Close())
	for name, want := range map[string]Pair{"thr0": 0, "thr2": 1, "thr62": 31} {
		if p, ok := PairOf(name); !ok || p != want || p.In() != name {
			t.Errorf("%s is pair %d, %v", name, p, ok)
		}
	}
	for _, name := range []string{"", "thr1", "thr64", "thr-2", "eth0"} {
		if p, ok := PairOf(name); ok {
			t.Errorf("%q is pair %d", name, p)
		}
	}
}

func TestPinDirsOfTwoFarms(t *testing.T) {
	if dir := PinDir("/run/thresher/", "web1.example.com"); dir != pinRoot+"/web1+example+com" {
		t.Errorf("usually %s", dir)
	}
	dirs := make(map[string]string)
	for _, run := range []string{"/run/thresher", "/run/thresher-shop", "/srv/a/run", "/srv/b/run", "/srv/b.c/run"} {
		dir := PinDir(run, "web1")
		if other, taken := dirs[dir]; taken || strings.Contains(dir, ".") {
			t.Errorf("%s of %s is also that of %s", dir, run, other)
		}
		dirs[dir] = run
	}
}
