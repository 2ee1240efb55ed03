package farm

import (
	"fmt"

	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/farm/division"
)

// picture is what the rest of the daemon sees of the confirmation. It is never
// changed after it was published.
type picture struct {
	status confirm.Status
	// target is how the view that the node heads for divides the buckets,
	// observed how the view does by which clients are served now.
	target, observed *division.Division
	lease            confirm.Lease
	wire             segment.Counters
	stranger         config.MAC      // who has sent the last heartbeat that no key of the farm's opens
	settled          settle.Status   // where settling stands
	unsettled        confirm.Buckets // that it is about
	sticky           confirm.Buckets // in which others than the owner may keep clients
}

// looksOn says whether a node that takes no part sees others share the farm in
// another way than before.
func (c *confirmation) looksOn() bool {
	shown := c.shown()
	return shown != nil && shown.status.Phase != confirm.Up && shown.observed.View.ID != c.node.Observed().ID
}

// publish shows the others in the daemon where the protocol stands, and rings.
func (c *confirmation) publish(events []confirm.Event) {
	for _, e := range events {
		c.log.Debug("confirmation", "event", e.Kind, "peer", e.Peer, "phase", e.Phase, "view", fmt.Sprintf("%016x", uint64(e.View)))
	}
	c.paint()
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

// paint makes a new picture, and tells who is there to those that hand over.
func (c *confirmation) paint() {
	status, boots := c.node.Status(), make(map[string]uint64)
	for _, p := range status.Peers {
		if c.hears(p) {
			boots[p.Name] = p.Boot
		}
	}
	c.halfOpen.members(boots)
	c.picture.Store(&picture{
		status: status, target: c.division(c.node.Target()), observed: c.division(c.node.Observed()),
		lease: c.gate.lease, wire: c.wire.Counters(), stranger: c.wire.Stranger(),
		settled: c.settling.node.Status(), unsettled: c.gate.unsettled, sticky: c.gate.sticky,
	})
}

// shown is the picture as it was at the last change, look as it is now.
func (c *confirmation) shown() *picture { return c.picture.Load() }

func (c *confirmation) look() *picture {
	c.do(func(now confirm.Time) confirm.Actions {
		a := c.node.Tick(now)
		c.paint()
		return a
	})
	return c.shown()
}
