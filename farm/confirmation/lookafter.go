package confirmation

import (
	"time"

	"thresher/cluster/confirm"
	"thresher/farm/clock"
	"thresher/farm/gate"
)

// lookAfterFlows lets time pass for what knows of flows, here and elsewhere, and
// tells the packet path what has changed.
func (c *Confirmation) lookAfterFlows() error {
	now := clock.Now()
	if wake := c.settling.wake; wake != 0 && now >= wake {
		c.settling.carryOut(c.settling.node.Tick(now))
	}
	wakes := []confirm.Time{c.settling.wake, c.halfOpen.tick(now)}
	if c.sticky != nil {
		if wake := c.sticky.wake; wake != 0 && now >= wake {
			c.sticky.carryOut(c.sticky.node.Tick(now))
		}
		wakes = append(wakes, c.sticky.wake)
	}
	if v := c.halfOpen.others.Version(); v != c.told {
		if err := c.path.HalfOpen(c.halfOpen.others.Tuples()); err != nil {
			return err
		}
		c.told = v
	}
	wakes = append(wakes, c.leaveToHeirs(now))
	withheld := !c.gate.Withheld().Empty()
	if err := c.gate.Review(now, c.surroundings(withheld)); err != nil {
		return err
	}
	if c.sticky != nil {
		if err := c.sticky.flush(); err != nil {
			return err
		}
	}
	if withheld {
		wakes = append(wakes, c.gate.Patience())
	}
	for _, w := range wakes {
		if w != 0 {
			c.wakeBy(w)
		}
	}
	c.foresee(now)
	return nil
}

// wakeBy has run go on at that time at the latest.
func (c *Confirmation) wakeBy(t confirm.Time) {
	if at := time.Now().Add(t.Sub(clock.Now())); at.Before(c.wake) {
		c.wake = at
	}
}

// surroundings are what the gate must know beside the lease; handOver says whether
// that of the half-open handshakes counts.
func (c *Confirmation) surroundings(handOver bool) gate.Surroundings {
	var sticky confirm.Buckets
	if c.sticky != nil {
		sticky = c.sticky.unsettled
	}
	now := clock.Now()
	others := c.around(now)
	return gate.Surroundings{
		Unsettled: c.settling.unsettled, Sticky: sticky, Others: others,
		Released: c.releasing.Released, HandedOver: handOver && c.handedOver(), Routes: c.route(now),
	}
}

// handedOver says whether the half-open handshakes of every release have come
// that the others' heartbeats tell of.
func (c *Confirmation) handedOver() bool {
	for _, p := range c.node.Status().Peers {
		if c.hears(p) && !c.halfOpen.others.Complete(p.Name, p.Boot, p.Release) {
			return false
		}
	}
	return true
}

// hears says whether a peer was heard lately.
func (c *Confirmation) hears(p confirm.PeerStatus) bool {
	return p.Heard >= 0 && p.Heard < c.params.Eviction
}
