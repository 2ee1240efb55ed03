package farm

import (
	"errors"
	"fmt"
	"time"

	"thresher/cluster/confirm"
)

// parting is somebody who waits for the snapshot of the protocol, by which
// another process goes on in this one's place.
type parting struct{ taken chan<- snapshot }

// snapshot is the protocol as it stood at a moment, after which it said nothing
// more in this process.
type snapshot struct {
	bytes []byte
	at    confirm.Time
	err   error
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
		now := bootTime()
		bytes, err := c.node.Snapshot(now)
		p.taken <- snapshot{bytes, now, err}
	default:
	}
}

// stay takes the node's life up again after a departure that came to nothing.
func (c *confirmation) stay(s snapshot) error {
	var err error
	c.do(func(now confirm.Time) confirm.Actions {
		node, actions, failed := confirm.Restore(c.config, now, s.bytes)
		if failed != nil {
			err = failed
			return c.node.Tick(now)
		}
		c.node = node
		return actions
	})
	return err
}
