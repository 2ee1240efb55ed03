package farm

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/console"
	"thresher/farm/host"
	"thresher/health"
)

// handToNext leaves h in the environment as a process does that runs its program anew,
// with the node's lock, the API's socket and an interface's filter.
func handToNext(t *testing.T, h *handed) {
	t.Helper()
	own := func(fd int) int { // under a number that nobody closes, as after execve(2)
		fd, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	lock, err := host.Acquire(filepath.Join(h.RunDir, h.Node))
	if err != nil {
		t.Fatal(err)
	}
	l, err := console.ListenUnix(h.Socket)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	h.Descriptors = descriptors{
		Lock: own(lock.Descriptor()), API: own(int(f.Fd())), Filters: map[string]int{"5a:fe:c0:00:02:64": own(int(f.Fd()))},
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	b, err := h.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := unix.MemfdCreate(handOverMemory, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(memory, b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), l.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	t.Setenv(handOverVariable, strconv.Itoa(memory))
}

// TestStartThatFailsKeepsNothingOpen: after a trial that fails, the same process starts
// again with the configuration before, which would find the node's lock and its socket
// taken, by itself.
func TestStartThatFailsKeepsNothingOpen(t *testing.T) {
	for name, change := range map[string]func(*handed){
		"as it was":         func(*handed) {},
		"another node's":    func(h *handed) { h.Interface = "eth9" },
		"of another format": func(h *handed) { h.Version++ },
	} {
		cfg := handedConfig(t)
		cfg.Interface, cfg.VIPs = "thr-none", make([]config.VIP, 1)
		cfg.API.Socket = filepath.Join(cfg.RunDir, "api.sock")
		h := someHanded(cfg)
		change(h)
		handToNext(t, h)
		if err := Run(t.Context(), cfg, slog.New(slog.DiscardHandler), Self{}); !errors.Is(err, health.ErrNoInterface) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, fd := range h.Descriptors.list() {
			// What others open meanwhile under the same number does not outlive execve(2).
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags == 0 {
				t.Errorf("%s: descriptor %d is open", name, fd)
			}
		}
		lock, err := host.Acquire(filepath.Join(cfg.RunDir, cfg.Node))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l, err := console.ListenUnix(cfg.API.Socket)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := errors.Join(l.Close(), lock.Release()); err != nil {
			t.Error(err)
		}
	}
}
