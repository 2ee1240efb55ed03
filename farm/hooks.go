package farm

import (
	"errors"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/xsk"
)

// findHooks returns where a program of an earlier run hangs on the interface: by
// pins, or by what this process was handed. It is nil if nothing does. Where the
// mode is not the wanted one, the program there is taken off.
func findHooks(cfg *config.Config, nic netlink.Link, h *handed) (*xsk.Hooks, error) {
	var hooks *xsk.Hooks
	var err error
	if h != nil && h.Descriptors.XDP != 0 {
		hooks, err = h.hooks()
	} else if xsk.CanPin() == nil {
		hooks, err = xsk.FindHooks(xsk.PinDir(cfg.RunDir, cfg.Node), nic.Attrs().Index)
	}
	if err != nil || hooks == nil {
		return nil, err
	}
	if want := cfg.Datapath.XDP; want != config.XDPAuto && want != hooks.Mode {
		return nil, hooks.Remove()
	}
	return hooks, nil
}

// pin makes the hooks outlive this process, or not, as the configuration says.
// Where they can't, the daemon goes on without, and has said so (findings.Pin).
func pin(hooks *xsk.Hooks, cfg *config.Config) error {
	if !cfg.Datapath.Pin {
		return hooks.Unpin()
	}
	err := xsk.CanPin()
	if errors.Is(err, xsk.ErrNoBPFFS) {
		return nil
	}
	return errors.Join(err, hooks.Pin(xsk.PinDir(cfg.RunDir, cfg.Node)))
}
