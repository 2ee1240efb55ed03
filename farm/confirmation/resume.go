package confirmation

import (
	"errors"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/cluster/sticky"
	"thresher/farm/clock"
)

// restore makes the protocol's node: one that goes on, if it can, else a new one.
func (c *Confirmation) restore(before *Handed) (err error) {
	config := c.config
	if before != nil {
		config.Met = before.Met
	}
	if before != nil && before.Confirm != nil {
		config.ByMembership = before.ByMessages
		node, actions, err := confirm.Restore(config, clock.Now(), before.Confirm)
		if err == nil {
			c.node, c.first, c.resumed = node, actions, true
			return nil
		}
		c.log.Warn("this node's part in the farm begins anew", "why", err)
	}
	c.node, c.first, err = confirm.New(config, clock.Now())
	return err
}

// resume has all else go on that goes with the protocol's node.
func (c *Confirmation) resume(before *Handed) {
	c.since = before.Taken
	c.silent = false // The name is this node's already.
	c.resumeHalfOpen(before.HalfOpen)
	c.resumeSettling()
	c.resumeRouting()
	c.resumeSticky()
}

// resumeHalfOpen leaves to the others, from this process's first packet on, what the
// process before it left to them.
func (c *Confirmation) resumeHalfOpen(lists [][]byte) {
	err := c.halfOpen.resume(clock.Now(), lists)
	if c.halfOpen.others.Len() > 0 {
		err = errors.Join(err, c.path.HalfOpen(c.halfOpen.others.Tuples()))
	}
	if err != nil {
		c.log.Warn("half-open connections that other nodes have may be answered twice", "err", err)
	}
}

// resumeSettling tells settling of the peers that the process before this one
// knew: until each has reported anew, it may have flows in what this node holds.
func (c *Confirmation) resumeSettling() {
	var before []settle.Member
	for _, p := range c.node.Status().Peers {
		if p.Heard >= 0 {
			before = append(before, settle.Member{Name: p.Name, Boot: p.Boot, Standing: settle.Alive})
		}
	}
	c.settling.carryOut(c.settling.node.Members(clock.Now(), before))
}

// resumeRouting tells who the others are that the process before this one knew, so
// that packets reach them before their next heartbeats have come. Where they have
// flows it has to hear anew.
func (c *Confirmation) resumeRouting() {
	if c.routing == nil {
		return
	}
	seqs := make(map[string]uint64)
	for _, p := range c.node.Peers() {
		seqs[p.Name] = p.Seq
	}
	for _, p := range c.node.Status().Peers {
		if p.Heard >= 0 {
			c.routing.reaches.Beat(clock.Now(), &confirm.Heartbeat{
				Name: p.Name, Boot: p.Boot, Seq: seqs[p.Name], Stated: p.Stated, Target: p.Target, Release: p.Release, Meta: p.Meta,
			})
		}
	}
}

// resumeSticky begins stickiness where the protocol goes on from another process:
// with an empty memory and no grant, but with all peers that may go by a promise.
func (c *Confirmation) resumeSticky() {
	if c.sticky == nil {
		return
	}
	var before []sticky.Peer
	for _, p := range c.node.Status().Peers {
		if p.Heard >= 0 {
			before = append(before, sticky.Peer{Name: p.Name, Boot: p.Boot, Stated: p.Stated})
		}
	}
	c.sticky.carryOut(c.sticky.node.Resume(clock.Now(), before))
}

// releaseAnew hands over again what is half open in buckets that are not this node's:
// what the process before this one has handed over of it, only that one knew.
func (c *Confirmation) releaseAnew() {
	if release := c.node.Release(); release > 0 {
		c.halfOpen.released(c.everything.Minus(c.gate.InForce().Held), release)
	}
}
