package confirmation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/farm/clock"
)

// Handed is what of the protocol a process needs to go on where the one before it
// stopped. It is written and read as JSON, also by neighbouring releases.
type Handed struct {
	Confirm []byte       // confirm.Snapshot; nil begins anew
	Taken   confirm.Time // when that was, just after the last heartbeat
	// ByMessages says that some peer was heard by gossip's messages alone.
	ByMessages bool
	Met        confirm.Met // zero of a release that did not count
	HalfOpen   [][]byte    // handover.Messages: what others have handed over
}

// ErrEnded says that the node takes part in the farm no more: nothing is done that is
// asked for.
var ErrEnded = errors.New("this node's part in the farm has ended")

// parting is somebody who waits for the snapshot of the protocol, by which
// another process goes on in this one's place.
type parting struct{ taken chan<- snapshot }

// snapshot is the protocol as it stood at a moment, after which it said nothing
// more in this process.
type snapshot struct {
	Handed
	err error
}

// Depart ends the node's life in this process, and returns what the next one needs to go
// on. That is done just after a heartbeat, so that the silence is as short as it can be.
// Stay undoes it.
func (c *Confirmation) Depart() (Handed, error) {
	taken := make(chan snapshot, 1)
	select {
	case c.parting <- parting{taken}:
	case <-c.ended:
		return Handed{}, ErrEnded
	}
	select {
	case s := <-taken:
		return s.Handed, s.err
	case <-c.ended:
		return Handed{}, ErrEnded
	case <-time.After(4 * c.params.Heartbeat):
	}
	select {
	case <-c.parting: // nobody waits any more
		return Handed{}, fmt.Errorf("no heartbeat was sent within %v", 4*c.params.Heartbeat)
	case s := <-taken:
		return s.Handed, s.err
	}
}

// part takes the snapshot if somebody waits for it. A heartbeat has just been
// sent.
func (c *Confirmation) part() {
	select {
	case p := <-c.parting:
		now := clock.Now()
		byMessages := c.byMessages(now)
		bytes, err := c.node.Snapshot(now)
		halfOpen, failed := c.halfOpen.handOn()
		p.taken <- snapshot{
			Handed{Confirm: bytes, Taken: now, ByMessages: byMessages, Met: c.node.Met(), HalfOpen: halfOpen},
			errors.Join(err, failed),
		}
	default:
	}
}

// byMessages says whether some peer that counts as heard is not heard on the wire, so
// that another process would not hear it before gossip has joined.
func (c *Confirmation) byMessages(now confirm.Time) bool {
	s := c.node.Status()
	return s.Joining || slices.ContainsFunc(s.Peers, func(p confirm.PeerStatus) bool {
		heard := p.Member || p.Heard >= 0 && p.Heard < c.params.Heard
		return heard && now.Sub(c.onWire[p.Name]) >= c.params.Heard
	})
}

// Stay takes the node's life up again after a departure that came to nothing.
func (c *Confirmation) Stay(h Handed) error {
	var err error
	c.do(func(now confirm.Time) confirm.Actions {
		config := c.config
		config.ByMembership = c.node.Status().Joining // gossip is as it was
		config.Met = h.Met
		node, actions, failed := confirm.Restore(config, now, h.Confirm)
		if failed != nil {
			err = failed
			return c.node.Tick(now)
		}
		c.node = node
		return actions
	})
	return err
}
