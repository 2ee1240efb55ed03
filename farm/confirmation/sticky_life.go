package confirmation

import (
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/sticky"
)

// KeepClients says whether a node that takes no part keeps its clients: one that
// drains does, one that was stopped does not.
func (c *Confirmation) KeepClients(keeps bool) {
	if c.sticky == nil {
		return
	}
	c.inTurn(func(now confirm.Time) {
		if keeps {
			c.sticky.carryOut(c.sticky.node.Start(now))
		} else {
			c.sticky.carryOut(c.sticky.node.Stop(now))
		}
	})
}

// KeepsClients says whether this node remembers clients of others' buckets, or may.
func (c *Confirmation) KeepsClients() (keeps bool) {
	if c.sticky != nil {
		c.inTurn(func(confirm.Time) { keeps = c.sticky.node.Status().Foreign > 0 })
	}
	return keeps
}

// farewellPatience is how long a node that ends waits until it may say that it
// keeps no client: longer than what it let in may be under way, and a sweep.
const farewellPatience = 600 * time.Millisecond

// Farewell tells the others that this process keeps no client any more, so that
// they need not wait for it. To be called after Leave.
func (c *Confirmation) Farewell() {
	if c.sticky == nil {
		return
	}
	c.KeepClients(false)
	clean := false
	for end := time.Now().Add(farewellPatience); !clean && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c.inTurn(func(now confirm.Time) {
			if clean = c.sticky.node.Clean(); clean {
				c.sticky.carryOut(c.sticky.node.Leave(now))
			}
		})
	}
}

// Keeper names the node that keeps a client though its bucket is another's, as far
// as this node knows: itself, or one that it has asked; "" if none does.
func (c *Confirmation) Keeper(client sticky.Client) (name string) {
	if c.sticky != nil {
		c.inTurn(func(confirm.Time) {
			if name = c.sticky.node.Keeper(client); c.sticky.keeps(client) {
				name = c.self
			}
		})
	}
	return name
}
