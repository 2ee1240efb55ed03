package confirmation

import (
	"context"
	"maps"

	"thresher/cluster"
	"thresher/cluster/confirm"
)

// draw has a node's draws computed, once while it is there, before it is a member of
// a view: its first heartbeat comes a start wait earlier. The confirmation's goroutine
// must not be busy for so long (cluster.Draw), least of all for many nodes at once.
func (c *Confirmation) draw(now confirm.Time, name string) {
	_, known := c.drawn[name]
	c.drawn[name] = now
	if known {
		return
	}
	c.forget(now)
	select {
	case c.draws <- name:
	default:
		delete(c.drawn, name) // too many at once: with its next heartbeat
	}
}

// forget has no name kept for ever of those that were heard on the wire.
func (c *Confirmation) forget(now confirm.Time) {
	old := func(_ string, heard confirm.Time) bool { return now.Sub(heard) > cluster.ForgetAfter }
	maps.DeleteFunc(c.drawn, old)
	maps.DeleteFunc(c.onWire, old)
}

// compute computes the draws that are asked for, until ctx is done.
func (c *Confirmation) compute(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-c.draws:
			d := cluster.Draw(name)
			c.inTurn(func(confirm.Time) { c.divider.Add(d) })
		}
	}
}
