package xsk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/link"

	"thresher/config"
)

// Hooks are where a program hangs on an interface: BPF links. They can outlive
// the process that made them, pinned in a BPF file system or as descriptors that
// it hands on, and keep the program and its maps alive. Another program takes
// the place of the one on them at one stroke (TakeOver).
type Hooks struct {
	// Mode is how the XDP program is attached.
	Mode config.XDPMode

	xdp link.Link
	tcx link.Link // the program that looks again, on veths; else nil
	dir string    // where they are pinned; empty if they are not
}

// The names of pins. The XDP link's tells its mode, which the kernel does not.
// It is pinned last: where it is, everything is.
const (
	pinTCX     = "tcx"
	pinNative  = "xdp-native"
	pinGeneric = "xdp-generic"
)

func pinXDP(m config.XDPMode) string {
	if m == config.XDPGeneric {
		return pinGeneric
	}
	return pinNative
}

// FindHooks returns what is pinned in dir, nil if nothing is. Pins that are of no
// use for the interface with this index, since it is another one now or since a
// crash came between them, are removed.
func FindHooks(dir string, ifindex int) (*Hooks, error) {
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		xdp, err := loadPin(dir, pinXDP(mode))
		if err != nil {
			return nil, err
		}
		if xdp == nil {
			continue
		}
		h := &Hooks{Mode: mode, xdp: xdp, dir: dir}
		if h.tcx, err = loadPin(dir, pinTCX); err != nil {
			return nil, errors.Join(err, h.Close())
		}
		if on, err := h.interfaceIndex(); err != nil || on != ifindex {
			return nil, errors.Join(err, h.Remove())
		}
		return h, nil
	}
	return nil, RemovePins(dir)
}

// loadPin opens a pinned link; nil if there is none.
func loadPin(dir, name string) (link.Link, error) {
	l, err := link.LoadPinnedLink(filepath.Join(dir, name), nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the pinned link %s: %w", filepath.Join(dir, name), err)
	}
	return l, nil
}

// interfaceIndex is the interface that the XDP link is on, 0 if that is gone.
func (h *Hooks) interfaceIndex() (int, error) {
	info, err := h.xdp.Info()
	if err != nil {
		return 0, fmt.Errorf("look at the pinned XDP link: %w", err)
	}
	xdp := info.XDP()
	if xdp == nil {
		return 0, fmt.Errorf("%s is no XDP link", filepath.Join(h.dir, pinXDP(h.Mode)))
	}
	return int(xdp.Ifindex), nil
}

// HooksFrom returns the hooks behind descriptors that Descriptors gave in
// another process. tcx is negative where there is none. They are the Hooks' own
// from now on.
func HooksFrom(mode config.XDPMode, xdp, tcx int) (*Hooks, error) {
	h := &Hooks{Mode: mode}
	var err error
	if h.xdp, err = link.NewFromFD(xdp); err != nil {
		return nil, fmt.Errorf("take over the XDP link: %w", err)
	}
	if tcx < 0 {
		return h, nil
	}
	if h.tcx, err = link.NewFromFD(tcx); err != nil {
		return nil, errors.Join(fmt.Errorf("take over the tcx link: %w", err), h.Close())
	}
	return h, nil
}

// Descriptors are the hooks' own, for a process that goes on with them; tcx is
// negative where there is none. pinned hooks need not be handed on.
func (h *Hooks) Descriptors() (xdp, tcx int, pinned bool) {
	tcx = -1
	if l, ok := h.tcx.(descriptor); ok {
		tcx = l.FD()
	}
	return h.xdp.(descriptor).FD(), tcx, h.dir != ""
}

// descriptor is what every link of cilium/ebpf has beyond its interface.
type descriptor interface{ FD() int }

// Pin makes the hooks outlive this process, below a directory of a BPF file
// system (PinDir) that it makes.
func (h *Hooks) Pin(dir string) error {
	if h.dir == dir {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("pin the XDP program: %w", err)
	}
	h.dir = dir
	if h.tcx != nil {
		if err := h.tcx.Pin(filepath.Join(dir, pinTCX)); err != nil {
			return fmt.Errorf("pin the tcx link: %w", err)
		}
	}
	if err := h.xdp.Pin(filepath.Join(dir, pinXDP(h.Mode))); err != nil {
		return fmt.Errorf("pin the XDP link: %w", err)
	}
	return nil
}

// Unpin makes the hooks go with this process again.
func (h *Hooks) Unpin() error {
	if h.dir == "" {
		return nil
	}
	dir := h.dir
	h.dir = ""
	return RemovePins(dir)
}

// Remove takes the program off the interface, and the pins away.
func (h *Hooks) Remove() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.Unpin(), h.Close())
}

// Close gives the descriptors back: what is pinned stays, what is not goes. Closing
// twice does nothing more.
func (h *Hooks) Close() error {
	if h == nil {
		return nil
	}
	var errs []error
	for _, l := range []link.Link{h.xdp, h.tcx} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	h.xdp, h.tcx = nil, nil
	return errors.Join(errs...)
}

// Hooks are where the program hangs; nil while it is attached to nothing. They
// stay the program's.
func (p *Program) Hooks() *Hooks { return p.hooks }

// TakeOver puts the program in the place of the one that is on the hooks, at one
// stroke: each packet meets the one or the other. So the program must be ready
// before: it has its share, its lease, and is armed. The hooks are the program's
// from now on, also after an error.
func (p *Program) TakeOver(h *Hooks) error {
	p.hooks = h
	if h.tcx != nil {
		if err := h.tcx.Update(p.objects.Readdress); err != nil {
			return fmt.Errorf("take the place of the tcx program that is there: %w", err)
		}
	}
	if err := h.xdp.Update(p.objects.Thresher); err != nil {
		return fmt.Errorf("take the place of the XDP program that is there: %w", err)
	}
	return nil
}

// SetHandOver makes the program decide by itself about every packet, by share and
// lease as with config.OffloadFull, and ask no socket, since those that read are
// about to close or not there yet.
func (p *Program) SetHandOver(on bool) error {
	value := uint32(0)
	if on {
		value = 1
	}
	if err := p.objects.Handover.Set(value); err != nil {
		return fmt.Errorf("switch the XDP program to hand-over: %w", err)
	}
	return nil
}
