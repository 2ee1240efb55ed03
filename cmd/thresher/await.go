package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"thresher/config"
	"thresher/health"
)

const (
	// interfacePatience is how long a node that starts waits for its interface: long
	// enough that a service manager that tries again and again fills no log, and short
	// of its limits to a start (TimeoutStartSec in deploy/thresher.service).
	interfacePatience = 5 * time.Second
	interfaceLook     = 100 * time.Millisecond
)

// machineError is what this machine lacks just now. There is nothing to unwrap: the
// same command may succeed later, whatever the error inside says of wrong usage.
type machineError struct{ error }

// loadForStart is loadForThisMachine for a daemon that starts: an interface that is
// not there may yet come, and is waited for. If it does not, the error says so, but
// not that the file is wrong, so that a service manager tries again.
func (f *configFlags) loadForStart(ctx context.Context, log *slog.Logger) (*config.Config, error) {
	cfg, err := f.loadForThisMachine()
	if err == nil {
		return cfg, nil
	}
	// With the machine left out of it: whatever is wrong then stays wrong.
	if cfg, other := f.load(); other == nil && awaitInterface(ctx, log, cfg.Interface, health.FindInterface) {
		return f.loadForThisMachine()
	} else if other == nil {
		return nil, &machineError{errors.Join(err, ctx.Err())}
	}
	return nil, err
}

// awaitInterface waits until the machine has the interface, and tells whether it has.
func awaitInterface(ctx context.Context, log *slog.Logger, name string, find func(string) (problem, cure string)) bool {
	ctx, cancel := context.WithTimeout(ctx, interfacePatience)
	defer cancel()
	log.Warn("waiting for the interface: this machine does not have it yet", "interface", name, "patience", interfacePatience)
	if _, err := daemon.SdNotify(false, "STATUS=waiting for interface "+name); err != nil {
		log.Warn("the service manager was not told", "err", err)
	}
	ticker := time.NewTicker(interfaceLook)
	defer ticker.Stop()
	for {
		if problem, _ := find(name); problem == "" {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}
