package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/health/command"
	"thresher/health/process"
	"thresher/health/unit"
)

// newRunner makes what runs a service.
func newRunner(c config.Service) Runner {
	own := commands{config: c, ended: new(atomic.Int64), rest: new(rest)}
	if c.Systemd != "" {
		return &units{commands: own, unit: unit.Unit{Name: c.Systemd}}
	}
	return own
}

// readyLook is how often a service that has started is asked whether it is ready.
const readyLook = 100 * time.Millisecond

// startLooks is for how many looks a server that says that it has started may not be
// found before it is told again.
const startLooks = 5

// commands run a service by command lines.
type commands struct {
	config config.Service
	ended  *atomic.Int64 // the process that has ended by itself, until the next start; 0 for none
	rest   *rest
}

func (c commands) run(ctx context.Context, what string, argv []string) error {
	_, err := c.runIn(ctx, what, argv)
	return err
}

// runIn is run that tells the process group, 0 if there was none.
func (c commands) runIn(ctx context.Context, what string, argv []string) (group int, err error) {
	r := command.Run(ctx, command.Command{Argv: argv, Env: append([]string{"THRESHER_SERVICE=" + c.config.Name}, c.config.Environment...)})
	if r.Err != nil {
		return r.Group, fmt.Errorf("%s: %s", what, r.Reason())
	}
	return r.Group, nil
}

// Start starts the service, unless its process is there already, and waits until
// it is ready.
func (c commands) Start(ctx context.Context) error {
	if !c.runs() {
		if err := c.begin(ctx, int(c.ended.Swap(0))); err != nil {
			return err
		}
	}
	return c.ready(ctx)
}

// gonePatience is how long a parent gets to wait for a process that has ended, before
// another is started.
const gonePatience = time.Second

// begin runs the start command. A server that has found its dead process in the table
// still may have started nothing: once that is gone, it is told again. dead is 0 if
// none is known.
func (c commands) begin(ctx context.Context, dead int) error {
	lingers := dead != 0 && !process.Gone(ctx, dead, gonePatience)
	if err := c.launch(ctx); err != nil {
		return err
	}
	for looks := 0; lingers && ctx.Err() == nil && !c.runs(); {
		if !process.Gone(ctx, dead, readyLook) {
			continue
		}
		// A server that has started writes its pid file in its own time.
		if looks++; looks > startLooks {
			return c.launch(ctx)
		}
		time.Sleep(readyLook)
	}
	return nil
}

// launch runs the start command once.
func (c commands) launch(ctx context.Context) error {
	group, err := c.runIn(ctx, "start", c.config.Start)
	if group != 0 {
		c.rest.started(group)
	}
	return err
}

// ready waits until the service's process is there and it says that it is ready.
func (c commands) ready(ctx context.Context) error {
	for {
		err := c.ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w within %v", err, c.config.StartTimeout)
		case <-time.After(readyLook):
		}
	}
}

func (c commands) ask(ctx context.Context) error {
	if c.config.Process != nil {
		if pids, err := c.find(); err != nil || len(pids) == 0 {
			return errors.Join(errors.New("its process has not come up"), err)
		}
	}
	if len(c.config.Ready) == 0 {
		return nil
	}
	return c.run(ctx, "not ready", c.config.Ready)
}

// find finds the service's processes, the oldest first.
func (c commands) find() ([]int, error) {
	p := c.config.Process
	pids, err := process.Pattern{PidFile: p.PidFile, Name: p.Name, Args: p.Args}.Find()
	if len(pids) > 0 {
		c.rest.runs(pids[0])
	}
	return pids, err
}

// Stop stops the service, and waits until its process is gone, with all that it has
// left behind.
func (c commands) Stop(ctx context.Context) error {
	pids := c.pids()
	if c.config.Process == nil || len(pids) > 0 { // else it has ended by itself
		if err := c.run(ctx, "stop", c.config.Stop); err != nil {
			return err
		}
	}
	for _, pid := range pids {
		if err := process.Await(ctx, pid); err != nil {
			return fmt.Errorf("stop: process %d has not ended: %w", pid, err)
		}
		process.Gone(ctx, pid, gonePatience)
	}
	return c.rest.end(ctx, unix.SIGTERM)
}

// pids are the service's processes, as far as the configuration tells how to find
// them.
func (c commands) pids() []int {
	if c.config.Process == nil {
		return nil
	}
	pids, err := c.find()
	if err != nil {
		return nil
	}
	return pids
}

// Force kills the service's processes, and what they have left behind. Without a way to
// find them it has nothing but the stop command.
func (c commands) Force(ctx context.Context) error {
	if c.config.Process == nil {
		return errors.Join(c.run(ctx, "stop", c.config.Stop), c.rest.end(ctx, unix.SIGKILL))
	}
	pids := c.pids()
	if err := process.Kill(pids); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := process.Await(ctx, pid); err != nil {
			return fmt.Errorf("process %d does not end: %w", pid, err)
		}
		process.Gone(ctx, pid, gonePatience)
	}
	return c.rest.end(ctx, unix.SIGKILL)
}

// AwaitEnd waits for the end of the service's oldest process, which the others
// are children of.
func (c commands) AwaitEnd(ctx context.Context) (string, error) {
	if c.config.Process == nil {
		<-ctx.Done()
		return "", ctx.Err()
	}
	pids, err := c.find()
	if err != nil {
		return "", err
	}
	if len(pids) == 0 {
		return "its process has ended", nil
	}
	if err := process.Await(ctx, pids[0]); err != nil {
		return "", err
	}
	c.ended.Store(int64(pids[0]))
	return fmt.Sprintf("its process %d has ended", pids[0]), nil
}

// runs says whether the service's process is there.
func (c commands) runs() bool { return len(c.pids()) > 0 }

// units run a service by systemd.
type units struct {
	commands
	unit unit.Unit
}

func (u *units) Start(ctx context.Context) error {
	if err := u.unit.Start(ctx); err != nil {
		return err
	}
	return u.ready(ctx)
}

func (u *units) Stop(ctx context.Context) error { return u.unit.Stop(ctx) }

func (u *units) Force(ctx context.Context) error {
	return errors.Join(u.unit.Kill(ctx), u.unit.Stop(ctx))
}

func (u *units) AwaitEnd(ctx context.Context) (string, error) { return u.unit.AwaitEnd(ctx) }
