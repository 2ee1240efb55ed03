package xsk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// ownBPFFS gives the test's thread, which newWire has made its own, a BPF file
// system that nobody else sees.
func ownBPFFS(t *testing.T) {
	t.Helper()
	must(t, unix.Unshare(unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("bpf", bpfFS, "bpf", 0, ""))
	must(t, CanPin())
}

// attached is the id of the XDP program on the interface, 0 if there is none.
func (w *wire) attached(t *testing.T) uint32 {
	t.Helper()
	l, err := netlink.LinkByIndex(w.nic.Attrs().Index)
	must(t, err)
	if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
		return xdp.ProgId
	}
	return 0
}

func idOf(t *testing.T, p *ebpf.Program) uint32 {
	t.Helper()
	info, err := p.Info()
	must(t, err)
	id, ok := info.ID()
	if !ok {
		t.Fatal("the kernel tells no program's id")
	}
	return uint32(id)
}

func load(t *testing.T, w *wire) *Program {
	t.Helper()
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// A pinned program outlives the process; the next one takes its place, and takes
// the pins away at its end.
func TestPinnedProgramIsReplaced(t *testing.T) {
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			w := newWire(t, 1)
			ownBPFFS(t)
			dir := PinDir(config.DefaultRunDir, "web1.example.com")
			if h, err := FindHooks(dir, w.nic.Attrs().Index); h != nil || err != nil {
				t.Fatalf("found %v, %v before anything was pinned", h, err)
			}
			first := load(t, w)
			attach(t, w, first, mode)
			must(t, first.Hooks().Pin(dir))
			id := idOf(t, first.objects.Thresher)
			must(t, first.Abandon())
			if w.attached(t) != id {
				t.Fatal("the program went with its process")
			}
			h, err := FindHooks(dir, w.nic.Attrs().Index)
			must(t, err)
			if h == nil || h.Mode != mode {
				t.Fatalf("found %+v", h)
			}
			second := load(t, w)
			must(t, second.TakeOver(h))
			if got := w.attached(t); got != idOf(t, second.objects.Thresher) {
				t.Errorf("program %d is attached", got)
			}
			must(t, second.Close())
			if got := w.attached(t); got != 0 {
				t.Errorf("program %d is left", got)
			}
			if left, err := os.ReadDir(pinRoot); !os.IsNotExist(err) {
				t.Errorf("left below %s: %v, %v", pinRoot, left, err)
			}
		})
	}
}

// Pins on another interface are of no use, and in the way.
func TestPinsOfAnotherInterface(t *testing.T) {
	w := newWire(t, 1)
	ownBPFFS(t)
	dir := PinDir(config.DefaultRunDir, "web1")
	p := load(t, w)
	attach(t, w, p, config.XDPAuto)
	must(t, p.Hooks().Pin(dir))
	must(t, p.Abandon())
	if h, err := FindHooks(dir, 9999); h != nil || err != nil {
		t.Errorf("found %v, %v", h, err)
	}
	if got := w.attached(t); got != 0 {
		t.Errorf("program %d is left", got)
	}
}

// A crash between two pins leaves half of them.
func TestHalfOfThePins(t *testing.T) {
	w := newWire(t, 1)
	ownBPFFS(t)
	dir := PinDir(config.DefaultRunDir, "web1")
	p := load(t, w)
	attach(t, w, p, config.XDPNative)
	must(t, p.Hooks().Pin(dir))
	must(t, p.Abandon())
	must(t, os.Remove(filepath.Join(dir, pinNative)))
	if h, err := FindHooks(dir, w.nic.Attrs().Index); h != nil || err != nil {
		t.Errorf("found %v, %v", h, err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s after it: %v", dir, err)
	}
}

// Hooks that are not pinned go from one process to another as descriptors.
func TestHooksByDescriptor(t *testing.T) {
	w := newWire(t, 1)
	first := load(t, w)
	attach(t, w, first, config.XDPNative)
	xdp, tcx, pinned := first.Hooks().Descriptors()
	if pinned || tcx < 0 {
		t.Fatalf("descriptors %d and %d, pinned %v", xdp, tcx, pinned)
	}
	xdp, err := unix.Dup(xdp)
	must(t, err)
	tcx, err = unix.Dup(tcx)
	must(t, err)
	must(t, first.Abandon())
	h, err := HooksFrom(config.XDPNative, xdp, tcx)
	must(t, err)
	second := load(t, w)
	must(t, second.TakeOver(h))
	if got := w.attached(t); got != idOf(t, second.objects.Thresher) {
		t.Errorf("program %d is attached", got)
	}
	must(t, second.Close())
	if got := w.attached(t); got != 0 {
		t.Errorf("program %d is left", got)
	}
}

func TestNowhereToPin(t *testing.T) {
	w := newWire(t, 1)
	must(t, unix.Unshare(unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	for unix.Unmount(bpfFS, unix.MNT_DETACH) == nil { // whatever this machine has there
	}
	if err := CanPin(); err != ErrNoBPFFS {
		t.Errorf("got %v", err)
	}
	if h, err := FindHooks(PinDir(config.DefaultRunDir, "web1"), w.nic.Attrs().Index); h != nil || err != nil {
		t.Errorf("found %v, %v", h, err)
	}
}

// The pair of an earlier run is used again if it fits, and made anew if not.
func TestStackIsUsedAgain(t *testing.T) {
	w := newWire(t, 2)
	first, err := OpenStack(w.nic, 2, 0)
	must(t, err)
	second, err := OpenStack(w.nic, 2, 0)
	must(t, err)
	if second.In != first.In {
		t.Errorf("%s is interface %d now, and was %d", Pair(0).In(), second.In, first.In)
	}
	out, err := netlink.LinkByName(Pair(0).Out())
	must(t, err)
	filters, err := netlink.FilterList(out, netlink.HANDLE_MIN_INGRESS)
	must(t, err)
	if len(filters) != 1 {
		t.Errorf("filters on %s: %v", Pair(0).Out(), filters)
	}
	third, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	if third.In == second.In {
		t.Error("a pair with two queues was used for one")
	}
	must(t, third.Close())
}
