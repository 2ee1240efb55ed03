package farm

import (
	"errors"
	"log/slog"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/health"
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

// PinFindings warns of a machine on which the kernel program cannot outlive the
// daemon, though the configuration asks for it.
func PinFindings(cfg *config.Config) []health.Finding {
	if err := xsk.CanPin(); cfg.Datapath.Pin && err != nil {
		return []health.Finding{{Level: health.LevelWarn, What: cannotPin, Cure: err.Error()}}
	}
	return nil
}

const cannotPin = "a crash of the daemon would cut the connections that are here: the kernel program cannot be pinned"

// pin makes the hooks outlive this process, or not, as the configuration says.
// Where they can't, the daemon goes on without, and says what to do.
func pin(hooks *xsk.Hooks, cfg *config.Config, log *slog.Logger) error {
	if !cfg.Datapath.Pin {
		return hooks.Unpin()
	}
	err := xsk.CanPin()
	if errors.Is(err, xsk.ErrNoBPFFS) {
		log.Warn(cannotPin, "cure", err.Error())
		return nil
	}
	return errors.Join(err, hooks.Pin(xsk.PinDir(cfg.RunDir, cfg.Node)))
}
