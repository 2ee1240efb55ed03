package confirm

import "time"

// count is what the confirmed set depends on. While it stays the same, the set
// does, and heartbeats only move the deadline.
type count struct {
	version uint64
	target  ViewID
	quorum  bool
	peers   []countedPeer
}

// countedPeer is what one required peer confirms, or what one that has fallen
// silent may still be letting flows into.
type countedPeer struct {
	name           string
	stated, target ViewID
	batches        int
}

// letIn is rule 1: it finds out into which of the held buckets new flows may
// enter, and until when, and tells the data path what has changed.
func (n *Node) letIn() {
	n.meet()
	next := n.lease
	next.Moved, next.Shrunk, next.Released = false, false, Buckets{}
	if n.recount() {
		next.Confirmed = n.confirmed()
		next.Held, next.Target = n.held.all, n.views.own(n.target.ID)
		next.Moved = next.differs(n.lease)
		if next.Released = n.lease.Held.Minus(next.Held); !next.Released.Empty() {
			next.Release++
		}
		next.Shrunk = next.Moved && !n.lease.Confirmed.Minus(next.Confirmed).Empty()
	}
	next.Deadline = n.deadline(next.Confirmed)
	if next.Moved || next.Deadline != n.lease.Deadline {
		n.tell(next)
	}
}

// tell gives the lease to the caller, and an event when the node is fenced or no
// longer fenced.
func (n *Node) tell(next Lease) {
	if (next.Deadline == 0) != (n.lease.Deadline == 0) {
		kind := Unfenced
		if next.Deadline == 0 {
			kind = Fenced
		}
		n.event(Event{Kind: kind})
	}
	n.lease = next
	n.out.Lease = &next
}

// fence lets go of everything and tells the data path so whatever it was told
// before: its map may hold an earlier process's deadline.
func (n *Node) fence() {
	n.target, n.stated, n.ended = View{}, View{}, n.now
	n.held.keep(Buckets{})
	released := n.lease.Held
	n.lease = Lease{Moved: true, Shrunk: true, Released: released, Release: n.lease.Release}
	if !released.Empty() {
		n.lease.Release++
	}
	told := n.lease
	n.out.Lease = &told
}

// required says whether a peer must confirm: it is in the target and states a
// view. One that states none confirms nothing to anybody else either.
func (n *Node) required(p *peer) bool {
	return n.target.Has(p.name) && p.last.Stated != 0
}

// lingers says whether a peer that need not confirm may still be letting flows in,
// for all that this node has heard of it: it stated a view, has not stopped, and
// the lease that it had when it said so need not be over. What neither that
// view nor its target gave to this node is not let in meanwhile. In a crash, the
// peer's view is this node's own and gives it what it has. But a node that comes back
// from a stall may find that the peer took everything over, and died before it had
// heard of this node again.
func (n *Node) lingers(p *peer) bool {
	return p.shown.stated != 0 && !n.required(p) && !n.stopped(p) && n.shownLeft(p) > 0
}

// shownLeft is for how long yet the lease must be waited for that the peer had when it
// stated its view.
func (n *Node) shownLeft(p *peer) time.Duration {
	return n.waitFor(p.shown.lease) + n.unasked(p) - n.now.Sub(p.shown.at)
}

// recount says whether anything that the confirmed set depends on has changed
// since it was last asked.
func (n *Node) recount() bool {
	c := &n.counted
	changed := c.version != n.held.version || c.target != n.target.ID || c.quorum != n.quorum()
	c.version, c.target, c.quorum = n.held.version, n.target.ID, n.quorum()
	i := 0
	for _, p := range n.peers {
		var now countedPeer
		switch {
		case n.required(p):
			now = countedPeer{name: p.name, stated: p.last.Stated, batches: n.reached(p)}
		case n.lingers(p):
			now = countedPeer{name: p.name, stated: p.shown.stated, target: p.shown.target}
		default:
			continue
		}
		if i == len(c.peers) {
			c.peers, changed = append(c.peers, now), true
		} else if c.peers[i] != now {
			c.peers[i], changed = now, true
		}
		i++
	}
	changed = changed || i != len(c.peers)
	c.peers = c.peers[:i]
	return changed
}

// reached counts the batches of held buckets that the peer's newest heartbeat
// is late enough for.
func (n *Node) reached(p *peer) int {
	return n.held.reached(p.echo)
}

// confirmed returns the held buckets that every required peer confirms: its
// stated view gives them to this node, and it echoes a heartbeat that this node
// sent since it took them up.
func (n *Node) confirmed() Buckets {
	if !n.quorum() {
		return Buckets{}
	}
	var all Buckets
	for i, b := range n.held.batches {
		all = all.Union(n.confirmedOf(i, b.buckets))
	}
	return all
}

// confirmedOf is confirmed for batch number i.
func (n *Node) confirmedOf(i int, buckets Buckets) Buckets {
	for _, p := range n.peers {
		switch {
		case n.required(p):
			if n.reached(p) <= i {
				return Buckets{}
			}
			buckets = buckets.Intersect(n.views.own(p.last.Stated))
		case n.lingers(p):
			buckets = buckets.Intersect(n.views.own(p.shown.stated).Union(n.views.own(p.shown.target)))
		}
	}
	return buckets
}

// deadline returns until when flows may enter the confirmed buckets: the
// earliest end of the required peers' confirmations. One for the node is enough.
// With nobody to ask it is a lease from now, renewed with every heartbeat.
func (n *Node) deadline(confirmed Buckets) Time {
	if confirmed.Empty() {
		return 0
	}
	var earliest Time
	for _, p := range n.peers {
		if !n.required(p) {
			continue
		}
		if end := p.echoAt.Add(n.params.Lease); earliest == 0 || end < earliest {
			earliest = end
		}
	}
	switch {
	case earliest == 0:
		return n.ownDeadline()
	case earliest <= n.now:
		return 0
	}
	return earliest
}

// ownDeadline is the deadline of a node with nobody to ask. It moves once per
// heartbeat, so that events do not each write it.
//
// A node that did not run must listen before it renews it. What waits in its sockets is
// old, and need not all have been read: it may speak of a peer that stated no view
// then, and need not be asked, but has taken everything over since. Nor need the others
// have heard the last renewals before it stood still, and so wait for their end. One that
// has not joined again yet need not hear of who has come.
func (n *Node) ownDeadline() Time {
	p, left := n.params, n.lease.Deadline.Sub(n.now)
	switch {
	case n.joining:
		return 0
	case left > p.Lease-p.Heartbeat && left <= p.Lease:
		return n.lease.Deadline
	case n.woken == 0 || n.ran-n.woken >= 3*p.Heartbeat:
		return n.now.Add(p.Lease)
	case left > 0:
		return min(n.lease.Deadline, n.now.Add(p.Lease))
	}
	return 0
}

// quorum says whether the partition policy lets flows in: under Majority more
// than half of the nodes (ofAll) must be in the target and state a view, this one
// among them. Who states none confirms nothing, and may be counted by both sides
// of a split.
func (n *Node) quorum() bool {
	if n.params.Partition != Majority {
		return true
	}
	stating := 1
	for _, p := range n.peers {
		if n.required(p) {
			stating++
		}
	}
	return 2*stating > n.ofAll()
}
