package farm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/farm/clock"
)

// parting is somebody who waits for the snapshot of the protocol, by which
// another process goes on in this one's place.
type parting struct{ taken chan<- snapshot }

// snapshot is the protocol as it stood at a moment, after which it said nothing
// more in this process.
type snapshot struct {
	bytes      []byte
	at         confirm.Time
	byMessages bool
	met        confirm.Met
	halfOpen   [][]byte
	err        error
}

// take adds the protocol's part to what is handed on.
func (h *handed) take(s snapshot) {
	h.Confirm, h.Taken, h.ByMessages, h.Met, h.HalfOpen = s.bytes, s.at, s.byMessages, s.met, s.halfOpen
}

// depart ends the node's life in this process. That is done just after a
// heartbeat, so that the silence is as short as it can be.
func (c *confirmation) depart() (snapshot, error) {
	taken := make(chan snapshot, 1)
	c.parting <- parting{taken}
	select {
	case s := <-taken:
		return s, s.err
	case <-c.ended:
		return snapshot{}, errors.New("this node's part in the farm has ended")
	case <-time.After(4 * c.params.Heartbeat):
	}
	select {
	case <-c.parting: // nobody waits any more
		return snapshot{}, fmt.Errorf("no heartbeat was sent within %v", 4*c.params.Heartbeat)
	case s := <-taken:
		return s, s.err
	}
}

// part takes the snapshot if somebody waits for it. A heartbeat has just been
// sent.
func (c *confirmation) part() {
	select {
	case p := <-c.parting:
		now := clock.Now()
		byMessages := c.byMessages(now)
		bytes, err := c.node.Snapshot(now)
		halfOpen, failed := c.halfOpen.handOn()
		p.taken <- snapshot{bytes, now, byMessages, c.node.Met(), halfOpen, errors.Join(err, failed)}
	default:
	}
}

// byMessages says whether some peer that counts as heard is not heard on the wire, so
// that another process would not hear it before gossip has joined.
func (c *confirmation) byMessages(now confirm.Time) bool {
	s := c.node.Status()
	return s.Joining || slices.ContainsFunc(s.Peers, func(p confirm.PeerStatus) bool {
		heard := p.Member || p.Heard >= 0 && p.Heard < c.params.Heard
		return heard && now.Sub(c.onWire[p.Name]) >= c.params.Heard
	})
}

// stay takes the node's life up again after a departure that came to nothing.
func (c *confirmation) stay(s snapshot) error {
	var err error
	c.do(func(now confirm.Time) confirm.Actions {
		config := c.config
		config.ByMembership = c.node.Status().Joining // gossip is as it was
		config.Met = s.met
		node, actions, failed := confirm.Restore(config, now, s.bytes)
		if failed != nil {
			err = failed
			return c.node.Tick(now)
		}
		c.node = node
		return actions
	})
	return err
}
