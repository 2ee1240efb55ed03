package confirm

import "time"

// state is rule 3: the target becomes the stated view, and what it gives this
// node is held, only when everybody in it heads for it too, and everybody who is
// in the old view and not in it can no longer be letting flows in by it.
func (n *Node) state() {
	if n.phase != Up || n.settled() {
		return
	}
	if !n.mayState() || !n.agreed() || !n.released() {
		return
	}
	if n.stated.None() {
		n.statedAt = n.now
	}
	n.stated = n.target
	n.held.take(n.views.own(n.target.ID), n.seq+1)
	n.urgent = true
	n.event(Event{Kind: Stated, View: n.stated.ID})
}

// settled says whether there is nothing to change: the target is stated and all
// that it gives is held. The answer is kept, since every heartbeat asks.
func (n *Node) settled() bool {
	if n.stated.ID != n.target.ID {
		return false
	}
	key := settledKey{n.held.version, n.target.ID, true}
	if n.whole.version != key.version || n.whole.view != key.view {
		key.whole = n.held.all.Equal(n.views.own(n.target.ID))
		n.whole = key
	}
	return n.whole.whole
}

// settledKey is what settled last found out: whether that version of the held
// buckets is all that the view gives.
type settledKey struct {
	version uint64
	view    ViewID
	whole   bool
}

// mayState is rule 0 for a node that states no view: not before the leases that
// it or its predecessor gave are over, not before it has listened for three
// heartbeats if nobody else states a view, and never without an up peer that it
// heard within W.
func (n *Node) mayState() bool {
	if !n.stated.None() {
		return true
	}
	if n.now.Sub(n.ended) < n.longestWait() {
		return false
	}
	if !n.othersState() && !n.listened() {
		return false
	}
	return !n.missesUpPeer()
}

// listened says whether a node that nobody shows a view to has listened long
// enough to state one of its own: for three heartbeats, and to every peer that
// was starting when last heard and may have come up since.
func (n *Node) listened() bool {
	const beats = 3
	for _, p := range n.peers {
		if p.last != nil && p.last.Phase == Starting && n.silent(p) >= beats*n.params.Heartbeat && n.silent(p) < n.memory() {
			return false
		}
	}
	return n.ran-n.upSince >= beats*n.params.Heartbeat
}

// othersState says whether another member of the target states a view.
func (n *Node) othersState() bool {
	for _, p := range n.peers {
		if n.target.Has(p.name) && p.last.Stated != 0 {
			return true
		}
	}
	return false
}

// missesUpPeer says whether a peer is not in the target that was heard up so
// lately that it may still be letting flows in.
func (n *Node) missesUpPeer() bool {
	for _, p := range n.peers {
		if p.upBoot != 0 && !n.target.Has(p.name) && !n.stopped(p) && n.ran-p.upAt.ran < n.memory() {
			return true
		}
	}
	return false
}

// memory is how long a node without a view respects an up peer that it heard.
// It gave that peer nothing, so the peer's lease runs not from what this node
// received but from when the peer last ran: it may have gone on for as long as
// its heartbeats may be lost without anybody calling it a split.
func (n *Node) memory() time.Duration {
	return n.longestWait() + n.params.Eviction
}

// agreed is rule 3a: every other member of the target has said that it has the
// same one, in answer to a heartbeat that this node sent with it, no longer than
// a lease ago. So it has let go of whatever the target gives to others.
func (n *Node) agreed() bool {
	for _, p := range n.peers {
		if n.target.Has(p.name) && !n.agrees(p) {
			return false
		}
	}
	return true
}

// agrees is agreed for one member.
func (n *Node) agrees(p *peer) bool {
	if p.last.Target != n.target.ID {
		return false
	}
	return p.echo >= n.targetFrom && n.now.Sub(p.echoAt) < n.params.Lease
}

// released is rule 3b: every node of the stated view that the target leaves out
// has said that it stopped, or what this node confirmed to it is over.
func (n *Node) released() bool {
	for _, m := range n.stated.Members {
		if m.Name == n.name || n.target.Has(m.Name) {
			continue
		}
		if p := n.find(m.Name); p != nil && !n.gone(p) {
			return false
		}
	}
	return true
}

// gone says whether nothing that this node confirmed to the peer counts any more.
func (n *Node) gone(p *peer) bool {
	return n.stopped(p) || !p.owed || n.grantedLeft(p) <= 0
}

// grantedLeft is for how long yet what this node confirmed to the peer must be waited for.
func (n *Node) grantedLeft(p *peer) time.Duration {
	return n.wait(p) + n.unasked(p) - n.now.Sub(p.granted)
}

// unasked is how much longer than its lease a peer is waited for that may have had its
// lease of itself. One that has not heard yet that this node states a view need not ask
// it, and renews with heartbeats that this node may not have received: for as long
// as they may be lost without anybody calling it a split.
func (n *Node) unasked(p *peer) time.Duration {
	if n.stated.None() || p.shown.proof > n.statedAt {
		return 0
	}
	return n.params.Eviction
}
