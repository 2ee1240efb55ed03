package confirmation

import (
	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/farm/clock"
)

// The kinds of messages between the nodes, beside gossip and heartbeats. Numbers
// are never given twice: neighbouring releases share a farm.
const (
	messageReport     = 1 // settle.Report: where the sender has flows
	messageHalfOpen   = 2 // handover.Message: half-open handshakes that the sender has answered
	messageEcho       = 3 // handover.Reply: how far the sender has come with the receiver's list
	messageBeat       = 4 // confirm.Heartbeat, where gossip has a network of its own
	messageSticky     = 8 // sticky.Message: whose clients are
	messageRemembered = 9 // settle.Report: where the sender remembers clients
)

// Connect lets messages to and from the other nodes pass. Until then there are
// none: the heartbeats come first, since the others may be waiting for them.
func (c *Confirmation) Connect(gossip *cluster.Cluster) {
	c.gossip.Store(gossip)
	c.running.Go(func() { c.receive(gossip.Messages()) })
}

// post sends a message to another node.
func (c *Confirmation) post(to string, kind byte, payload []byte) error {
	if gossip := c.gossip.Load(); gossip != nil {
		return gossip.Send(to, kind, payload)
	}
	return cluster.ErrUnknownMember
}

// postBestEffort sends a message that need not come.
func (c *Confirmation) postBestEffort(to string, kind byte, payload []byte) error {
	if gossip := c.gossip.Load(); gossip != nil {
		return gossip.SendBestEffort(to, kind, payload)
	}
	return cluster.ErrUnknownMember
}

// receive takes in the others' messages for as long as the protocol runs.
func (c *Confirmation) receive(messages <-chan cluster.Message) {
	for {
		select {
		case <-c.ended:
			return
		case m := <-messages:
			c.do(func(now confirm.Time) confirm.Actions { return c.take(now, m) })
		}
	}
}

// hear takes in a heartbeat that came by gossip's network, and returns what comes of it.
func (c *Confirmation) hear(now confirm.Time, payload []byte) (confirm.Actions, error) {
	hb, err := confirm.Decode(payload)
	if err != nil {
		return c.node.Tick(now), err
	}
	return c.receiveBeat(now, hb), nil
}

// spread sends a heartbeat as a message of gossip's too, over all its networks: to
// everybody where gossip has a network of its own, so that no network's failure
// alone silences a node, and else to whom gossip reaches and heartbeats on the wire do not, since
// some switch or filter lets IP through and not them. What is lost is not missed.
func (c *Confirmation) spread(hb *confirm.Heartbeat) {
	gossip := c.gossip.Load()
	if gossip == nil {
		return
	}
	var payload []byte
	var err error
	now := clock.Now()
	for _, name := range c.reachable {
		if !c.apart && now.Sub(c.onWire[name]) < c.params.Heard {
			continue
		}
		if payload == nil {
			payload, err = hb.Append(nil)
		}
		switch {
		case err != nil:
		case len(payload) <= cluster.MaxBestEffort:
			err = gossip.SendBestEffort(name, messageBeat, payload)
		default:
			err = gossip.Send(name, messageBeat, payload)
		}
	}
	if err != nil {
		c.log.Debug("a heartbeat was not sent over gossip's network", "err", err)
	}
}

// take takes in one message, and returns what comes of it for the protocol. What cannot
// be understood is another release's, or damaged; either way it is not there.
func (c *Confirmation) take(now confirm.Time, m cluster.Message) (a confirm.Actions) {
	var err error
	if m.Kind == messageBeat {
		a, err = c.hear(now, m.Payload)
	} else {
		err = c.takeIn(now, m)
		a = c.node.Tick(now)
	}
	if err != nil {
		c.log.Debug("a message of another node is of no use", "kind", m.Kind, "err", err)
	}
	return a
}

// takeIn takes in a message that tells of flows, handshakes or clients.
func (c *Confirmation) takeIn(now confirm.Time, m cluster.Message) error {
	switch m.Kind {
	case messageReport:
		return c.settling.receive(now, m.Payload)
	case messageHalfOpen:
		return c.halfOpen.receive(now, m.Payload)
	case messageEcho:
		return c.halfOpen.echoed(m.Payload)
	case messageSticky:
		return c.ifSticky(func(s *stickiness) error { return s.receive(now, m.Payload) })
	case messageRemembered:
		return c.ifSticky(func(s *stickiness) error { return s.receiveReport(now, m.Payload) })
	}
	return nil
}

// ifSticky does something where some rule keeps clients with their nodes.
func (c *Confirmation) ifSticky(f func(s *stickiness) error) error {
	if c.sticky == nil {
		return nil
	}
	return f(c.sticky)
}
