package farm

import (
	"context"

	"thresher/cluster"
	"thresher/cluster/confirm"
)

// draw has a node's draws computed, once, before the node is a member of a view:
// its first heartbeat comes a start wait earlier. The confirmation's goroutine
// must not be busy for so long (cluster.Draw), least of all for many nodes at once.
func (c *confirmation) draw(name string) {
	if c.drawn[name] || len(c.drawn) >= cap(c.draws) {
		return
	}
	c.drawn[name] = true
	c.draws <- name // has room for as many as are drawn
}

// compute computes the draws that are asked for, until ctx is done.
func (c *confirmation) compute(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-c.draws:
			d := cluster.Draw(name)
			c.run1(func(confirm.Time) { c.shares.assigner.Add(d) })
		}
	}
}
