package farm

import (
	"context"
	"time"

	"thresher/console"
)

// Start brings a stopped node up again, and forgets why it had stopped. It also brings
// one up that has waited and, with rejoin manual, may not come back by itself.
func (c control) Start(ctx context.Context) error {
	return c.change(ctx, func() error {
		if c.loop.kept.Cordoned {
			return &console.Error{Code: console.CodeConflict, Message: "this node is cordoned", Cure: "thresher uncordon brings it back"}
		}
		if err := c.loop.rememberStopped(false); err != nil {
			return err
		}
		c.loop.life.start(actionStart)
		if c.loop.life.state == console.Waiting && c.loop.app.wanted {
			c.loop.app.supervisor.Start()
		}
		return nil
	})
}

// Stop takes the node out; its daemon goes on. Where services run, connections get
// a while to end before these are stopped; force does not wait, nor ask them.
func (c control) Stop(ctx context.Context, force bool) error {
	return c.change(ctx, func() error {
		l := c.loop
		if err := l.rememberStopped(true); err != nil {
			return err
		}
		switch {
		case force:
			l.life.stop(actionForceStop)
			l.front.take()
			l.app.wanted = false
			l.app.supervisor.Stop(true)
		case len(l.cfg.Services) == 0:
			l.life.stop(actionStop)
		default:
			l.life.windUp(time.Now(), l.cfg.Life.StopDrain)
		}
		if l.cfg.Life.ResetOnStop {
			l.app.supervisor.Forget()
		}
		return nil
	})
}

// Drain lets no new flow in here, and stops the node when the last one has ended
// or, if the deadline is not 0, after so long.
func (c control) Drain(ctx context.Context, deadline time.Duration) error {
	return c.change(ctx, func() error {
		if err := c.loop.rememberStopped(true); err != nil {
			return err
		}
		c.loop.life.drain(time.Now(), deadline, actionDrain)
		return nil
	})
}

// Cordon drains the node for good: neither a boot nor a start brings it back, but
// only Uncordon.
func (c control) Cordon(ctx context.Context) error {
	return c.change(ctx, func() error {
		if err := c.loop.remember(func(k *kept) { k.Cordoned = true }); err != nil {
			return err
		}
		c.loop.life.drain(time.Now(), 0, actionCordon)
		return nil
	})
}

// Uncordon ends that, and brings the node up. One that is not cordoned stays as it is.
func (c control) Uncordon(ctx context.Context) error {
	return c.change(ctx, func() error {
		if !c.loop.kept.Cordoned {
			return &console.Error{
				Code: console.CodeConflict, Message: "this node is not cordoned", Cure: "nothing is done; thresher start brings a stopped node up",
			}
		}
		if err := c.loop.remember(func(k *kept) { k.Cordoned, k.Stopped = false, false }); err != nil {
			return err
		}
		c.loop.life.start(actionUncordon)
		return nil
	})
}

// Suspend has checks and the ends of services not count, or count again.
func (c control) Suspend(ctx context.Context, suspend bool) error {
	return c.change(ctx, func() error {
		l := c.loop
		if l.app.supervisor.Picture().Suspended == suspend {
			return nil
		}
		l.app.supervisor.Suspend(suspend)
		if suspend {
			l.events.add(console.LevelWarn, "checks_suspended", "checks do not count until an operator resumes them", nil)
		} else {
			l.events.add(console.LevelInfo, "checks_resumed", "checks count again", nil)
		}
		return nil
	})
}

// Reset forgets the failures of services and checks. A node that has stopped
// because of them starts, but not one that an operator has stopped or cordoned since.
func (c control) Reset(ctx context.Context) error {
	return c.change(ctx, func() error {
		l := c.loop
		halted := l.app.supervisor.Picture().Halted != ""
		l.app.supervisor.Forget()
		if halted {
			l.life.reset(l.kept)
		}
		return nil
	})
}

// change has something done on the loop's goroutine, and waits until it has taken
// effect.
func (c control) change(ctx context.Context, f func() error) (err error) {
	if ended := c.loop.do(ctx, func() { err = f() }); ended != nil {
		return ended
	}
	return err
}
