package farm

import (
	"context"

	"thresher/cluster"
	"thresher/cluster/confirm"
)

// The kinds of messages between the nodes, beside gossip and heartbeats. Numbers
// are never given twice: neighbouring releases share a farm.
const (
	messageReport   = 1 // settle.Report: where the sender has flows
	messageHalfOpen = 2 // handover.Message: half-open handshakes that the sender has answered
	messageEcho     = 3 // handover.Reply: how far the sender has come with the receiver's list
)

// receive takes in the others' messages until ctx is done.
func (c *confirmation) receive(ctx context.Context, messages <-chan cluster.Message) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-messages:
			c.run1(func(now confirm.Time) { c.take(now, m) })
		}
	}
}

// take takes in one message. What cannot be understood is another release's, or
// damaged; either way it is not there.
func (c *confirmation) take(now confirm.Time, m cluster.Message) {
	var err error
	switch m.Kind {
	case messageReport:
		err = c.settling.receive(now, m.Payload)
	case messageHalfOpen:
		err = c.halfOpen.receive(now, m.Payload)
	case messageEcho:
		err = c.halfOpen.echoed(m.Payload)
	}
	if err != nil {
		c.log.Debug("a message of another node is of no use", "kind", m.Kind, "err", err)
	}
}
