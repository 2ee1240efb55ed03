package confirm

import (
	"cmp"
	"math"
)

// Receive takes a heartbeat in, from its sender or passed on by another. The
// Node keeps hb, which must not be changed afterwards. now should be the time at
// which it was received, not later than the next event's.
func (n *Node) Receive(now Time, hb *Heartbeat) Actions {
	if n.retired {
		return n.step(now)
	}
	n.pass(now)
	if hb.Name == n.name {
		n.ownName(hb)
		return n.step(now)
	}
	p := n.peer(hb.Name)
	if _, own := hb.echoOf(p.id); own {
		return n.step(now) // a Preview, which is no heartbeat
	}
	outdated := n.outdated(p, hb)
	n.raise(hb)
	if outdated {
		return n.step(now)
	}
	n.accept(p, hb)
	n.relay(p)
	return n.step(now)
}

// outdated says whether something newer is known of the sender: boots are
// ordered, and so are the heartbeats of one boot. A late heartbeat of a process
// that is gone must never replace the living one's.
func (n *Node) outdated(p *peer, hb *Heartbeat) bool {
	switch {
	case p.order(hb) > 0:
		return false
	case hb.Boot == p.last.Boot:
		n.counters.StaleSeq++
	default:
		n.counters.StaleBoot++
	}
	return true
}

// Order tells how a heartbeat stands to what this node has of its sender: 1 is newer,
// and Receive will accept it; 0 is the newest one again, which may have come by two
// ways; -1 is any other, which may be a recording.
func (n *Node) Order(hb *Heartbeat) int {
	p := n.find(hb.Name)
	if p == nil {
		p = &peer{id: IDOf(hb.Name)}
	}
	if _, preview := hb.echoOf(p.id); preview || hb.Name == n.name {
		return -1
	}
	return p.order(hb)
}

// order is Order for a heartbeat of the peer's.
func (p *peer) order(hb *Heartbeat) int {
	if p.last == nil {
		return 1
	}
	return cmp.Or(cmp.Compare(hb.Boot, p.last.Boot), cmp.Compare(hb.Seq, p.last.Seq))
}

// accept makes hb the newest of its sender.
func (n *Node) accept(p *peer, hb *Heartbeat) {
	n.counters.Received++
	old := p.last
	if old == nil || !old.sameNews(hb) {
		n.urgent = true
	}
	if old != nil && old.Boot != hb.Boot {
		n.event(Event{Kind: PeerRestarted, Peer: p.name})
	}
	if p.answered.boot != hb.Boot {
		p.answered = answer{boot: hb.Boot}
	}
	p.last, p.heard = hb, stamp{n.now, n.ran}
	n.readEcho(p)
	p.show()
	if hb.Phase == Up {
		p.upBoot, p.upAt = hb.Boot, p.heard
	}
}

// readEcho takes from the peer's newest heartbeat which of mine it answers for.
// Only heartbeats of this boot count, and only those that could still matter.
func (n *Node) readEcho(p *peer) {
	p.echo, p.echoAt, p.proof = 0, 0, 0
	e, ok := p.last.echoOf(n.id)
	if !ok || e.Boot != n.boot {
		return
	}
	if at, ok := n.sent.at(e.Heard); ok {
		p.proof = at
	}
	if at, ok := n.sent.at(e.Seq); ok {
		p.echo, p.echoAt = e.Seq, at
	}
}

// raise lifts this node's boot above any that a peer knows of it: the clock was
// set back between two processes, and the peers ignore what this one says. What
// this process had is void, as it is for a new one. A heartbeat that is itself
// outdated is heeded too: where the clocks of two nodes were set back, each would
// otherwise ignore the other for ever.
func (n *Node) raise(hb *Heartbeat) {
	if e, ok := hb.echoOf(n.id); ok {
		n.raiseAbove(e.Boot)
	}
}

// raiseAbove starts over with a boot above the given one, unless it is so
// already.
func (n *Node) raiseAbove(boot uint64) {
	if boot <= n.boot || boot == math.MaxUint64 {
		return
	}
	n.boot, n.seq, n.sent = boot+1, 0, sentLog{}
	for _, p := range n.peers {
		p.echo, p.echoAt, p.proof = 0, 0, 0
	}
	n.event(Event{Kind: BootRaised})
	n.lease.Release = 0
	n.start()
	n.fence()
}

// ownName handles a heartbeat with this node's own name: its own one come back,
// one of its predecessor's, or another machine with the same name, which keeps
// both from ever being up.
func (n *Node) ownName(hb *Heartbeat) {
	if hb.Boot > n.boot {
		n.event(Event{Kind: DuplicateName, Peer: hb.Name})
		n.raiseAbove(hb.Boot)
	}
}
