package confirmation

import (
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// Speak lets heartbeats out. Before, the farm has not taken the node in: were its
// name another node's, the others would hear a new process of that one, and the
// other would give way to it.
func (c *Confirmation) Speak() {
	c.inTurn(func(confirm.Time) { c.silent = false })
}

// Up asks for this node to take its part in the farm.
func (c *Confirmation) Up() { c.do(c.node.Up) }

// Leave gives this node's part up. When it returns, no new flow is let in any more.
func (c *Confirmation) Leave() { c.do(c.node.Leave) }

// Members tells who there is, by the membership.
func (c *Confirmation) Members(members []settle.Member) {
	var alive []string
	for _, m := range members {
		if m.Standing == settle.Alive {
			alive = append(alive, m.Name)
		}
	}
	c.do(func(now confirm.Time) confirm.Actions {
		c.reachable = slices.DeleteFunc(slices.Clone(alive), func(name string) bool { return name == c.self })
		c.settling.carryOut(c.settling.node.Members(now, members))
		if c.routing != nil {
			c.routing.reaches.Members(members)
		}
		return c.node.Members(now, alive)
	})
}

// Weigh changes what assignment depends on of this node. When it returns, nothing
// that is given away is let in any more, and the others have been told.
func (c *Confirmation) Weigh(meta string) (err error) {
	c.do(func(now confirm.Time) confirm.Actions {
		var a confirm.Actions
		if a, err = c.node.Weights(now, meta); err != nil {
			return c.node.Tick(now)
		}
		c.config.Meta = meta
		return a
	})
	return err
}

// SetKeys changes the keys of heartbeats: the first seals, all are believed. It returns
// ErrEnded where nothing takes them over.
func (c *Confirmation) SetKeys(keys ...[32]byte) error {
	err := ErrEnded
	c.inTurn(func(confirm.Time) { err = c.wire.SetKeys(keys...) })
	return err
}

// Params are the timings that the protocol goes by here.
func (c *Confirmation) Params() confirm.Params { return c.params }

// RuleID is a rule as the sets of buckets have it, by its number in the configuration.
func (c *Confirmation) RuleID(rule int) confirm.RuleID { return c.ids[rule] }

// Resumed says whether the node goes on from another process.
func (c *Confirmation) Resumed() bool { return c.resumed }

// Pause is for how long the others did not hear a node that goes on; known from Begin on.
func (c *Confirmation) Pause() time.Duration { return c.pause }
