package confirmation

import (
	"fmt"

	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/farm/division"
)

// Picture is what the rest of the daemon sees of the confirmation. It is never
// changed after it was published.
type Picture struct {
	Status confirm.Status // of the protocol
	// Target is how the view that the node heads for divides the buckets,
	// Observed how the view does by which clients are served now.
	Target, Observed *division.Division
	Lease            confirm.Lease // what is let in, with the deadline that is in force
	Wire             segment.Counters
	Stranger         config.MAC      // who has sent the last heartbeat that no key of the farm's opens
	Settled          settle.Status   // where settling stands
	Unsettled        confirm.Buckets // that it is about
	Sticky           confirm.Buckets // in which others than the owner may keep clients
}

// looksOn says whether a node that takes no part sees others share the farm in
// another way than before.
func (c *Confirmation) looksOn() bool {
	shown := c.Shown()
	return shown != nil && shown.Status.Phase != confirm.Up && shown.Observed.View.ID != c.node.Observed().ID
}

// publish shows the others in the daemon where the protocol stands, and rings.
func (c *Confirmation) publish(events []confirm.Event) {
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
func (c *Confirmation) paint() {
	status, boots := c.node.Status(), make(map[string]uint64)
	for _, p := range status.Peers {
		if c.hears(p) {
			boots[p.Name] = p.Boot
		}
	}
	c.halfOpen.members(boots)
	c.picture.Store(&Picture{
		Status: status, Target: c.division(c.node.Target()), Observed: c.division(c.node.Observed()),
		Lease: c.gate.InForce(), Wire: c.wire.Counters(), Stranger: c.wire.Stranger(),
		Settled: c.settling.node.Status(), Unsettled: c.gate.Unsettled(), Sticky: c.gate.Sticky(),
	})
}

// Bell rings when there is a new picture. Who was not waiting hears it once.
func (c *Confirmation) Bell() <-chan struct{} { return c.bell }

// Shown is the picture as it was at the last change.
func (c *Confirmation) Shown() *Picture { return c.picture.Load() }

// Look is the picture as it is now.
func (c *Confirmation) Look() *Picture {
	c.do(func(now confirm.Time) confirm.Actions {
		a := c.node.Tick(now)
		c.paint()
		return a
	})
	return c.Shown()
}
