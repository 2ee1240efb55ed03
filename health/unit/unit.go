// Package unit starts, stops and watches systemd's units over D-Bus.
package unit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// Unit is one unit of the manager that Dial reaches.
type Unit struct {
	Name string
	// Dial connects to the manager; nil connects to the system's.
	Dial func(context.Context) (*dbus.Conn, error)
}

// between is how often a unit that is watched is asked for beside systemd's own
// notice, which is lost when the manager is re-executed.
const between = time.Second

func (u Unit) dial(ctx context.Context) (*dbus.Conn, error) {
	dial := u.Dial
	if dial == nil {
		dial = dbus.NewWithContext
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("systemd does not answer: %w", err)
	}
	return c, nil
}

// Start starts the unit, and returns when it is active: for a notifying service,
// when it has said that it is ready. A unit that is active already stays as it is.
func (u Unit) Start(ctx context.Context) error {
	return u.job(ctx, "start", (*dbus.Conn).StartUnitContext)
}

// Stop stops the unit, and returns when it is inactive.
func (u Unit) Stop(ctx context.Context) error {
	return u.job(ctx, "stop", (*dbus.Conn).StopUnitContext)
}

type order func(c *dbus.Conn, ctx context.Context, name, mode string, ch chan<- string) (int, error)

// job queues a job and waits for its result (org.freedesktop.systemd1(5),
// JobRemoved). "replace" takes the place of a job that says otherwise.
func (u Unit) job(ctx context.Context, what string, begin order) error {
	c, err := u.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	done := make(chan string, 1)
	if _, err := begin(c, ctx, u.Name, "replace", done); err != nil {
		return fmt.Errorf("%s %s: %w", what, u.Name, err)
	}
	select {
	case result := <-done:
		if result == "done" || result == "skipped" {
			return nil
		}
		return fmt.Errorf("%s %s: %s; see journalctl -u %s", what, u.Name, result, u.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill ends all processes of the unit.
func (u Unit) Kill(ctx context.Context) error {
	c, err := u.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.KillUnitWithTarget(ctx, u.Name, dbus.All, int32(unix.SIGKILL)); err != nil && !strings.Contains(err.Error(), "NoSuch") {
		return fmt.Errorf("kill %s: %w", u.Name, err)
	}
	return nil
}

// Active says whether the unit is, and in what words systemd says so.
func (u Unit) Active(ctx context.Context) (bool, string, error) {
	c, err := u.dial(ctx)
	if err != nil {
		return false, "", err
	}
	defer c.Close()
	return u.active(ctx, c)
}

func (u Unit) active(ctx context.Context, c *dbus.Conn) (bool, string, error) {
	active, err := u.property(ctx, c, "ActiveState")
	if err != nil {
		return false, "", err
	}
	sub, err := u.property(ctx, c, "SubState")
	if err != nil {
		return false, "", err
	}
	return active == "active" || active == "reloading" || active == "refreshing", active + " (" + sub + ")", nil
}

func (u Unit) property(ctx context.Context, c *dbus.Conn, name string) (string, error) {
	p, err := c.GetUnitPropertyContext(ctx, u.Name, name)
	if err != nil {
		return "", fmt.Errorf("ask for %s of %s: %w", name, u.Name, err)
	}
	s, ok := p.Value.Value().(string)
	if !ok {
		return "", fmt.Errorf("%s of %s is a %T", name, u.Name, p.Value.Value())
	}
	return s, nil
}

// AwaitEnd returns why the unit is not active any more, or ctx's error. It asks
// when systemd tells of a change, and now and then. While systemd does not answer,
// the unit is taken to be as it was.
func (u Unit) AwaitEnd(ctx context.Context) (string, error) {
	for {
		why, err := u.watch(ctx)
		if err == nil {
			return why, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(between):
		}
	}
}

// watch is AwaitEnd on one connection.
func (u Unit) watch(ctx context.Context) (string, error) {
	c, err := u.dial(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	changes := make(chan *dbus.PropertiesUpdate, 64)
	problems := make(chan error, 1)
	c.SetPropertiesSubscriber(changes, problems)
	if err := c.Subscribe(); err != nil {
		return "", fmt.Errorf("subscribe: %w", err)
	}
	tick := time.NewTicker(between)
	defer tick.Stop()
	for {
		ok, words, err := u.active(ctx, c)
		if err != nil {
			return "", err
		}
		if !ok {
			return "systemd says " + words, nil
		}
		for wait := true; wait; {
			select {
			case p := <-changes:
				wait = p != nil && p.UnitName != u.Name
			case <-problems: // some were lost: look
				wait = false
			case <-tick.C:
				if !c.Connected() {
					return "", errors.New("the connection to systemd has ended")
				}
				wait = false
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
}
