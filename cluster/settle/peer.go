package settle

import "thresher/cluster/confirm"

// Standing is what is known of a member's life.
type Standing uint8

const (
	// Alive is a member whom membership or a heartbeat shows to be alive.
	Alive Standing = iota + 1
	// Left is one that said goodbye.
	Left
	// Gone is one that vanished.
	Gone
	// unlisted is a node of which only a report has come yet.
	unlisted
)

// Member is another node as membership and heartbeats have it.
type Member struct {
	Name string
	// Boot is its process, 0 if no heartbeat has come. The standing of a process
	// older than one that was heard of counts for nothing, unless it is Alive.
	Boot     uint64
	Standing Standing
}

// peer is what is known of another node.
type peer struct {
	name    string
	boot    uint64 // 0 while unknown
	release uint64 // the highest heard of in this boot
	beat    uint64 // seq of the newest heartbeat
	idle    bool   // it neither stated nor headed for a view
	leaving bool   // it said that it leaves
	status  Standing
	since   confirm.Time // when it ceased to be alive, or was first heard of

	report   *Report // the newest of this boot that counts
	heardSeq uint64  // of the newest that came
	fresh    uint64  // what a report must echo to count; 0 if nothing
	// cleared are those of this node's own buckets in which the peer has no
	// flow and lets none in.
	cleared confirm.Buckets
	blocks  bool // something that this node holds waits for it

	sent              confirm.Time // of the last report to it, and which
	sentSeq, sentEcho uint64
	due               bool // a report goes to it
}

// Members tells who is there: every node that is alive by membership or was
// heard lately, and those that left or vanished as long as they are known. One
// that is no longer listed has vanished.
func (n *Node) Members(now confirm.Time, members []Member) Actions {
	n.begin(now)
	listed := make(map[string]bool, len(members))
	for _, m := range members {
		listed[m.Name] = true
		n.member(m)
	}
	for name, p := range n.peers {
		if !listed[name] && p.status == Alive {
			n.vanish(p)
		}
	}
	return n.finish()
}

// member takes one member's standing in.
func (n *Node) member(m Member) {
	p := n.peers[m.Name]
	if p == nil && m.Standing == Alive {
		p = n.meet(m.Name)
	}
	if p == nil || m.Standing != Alive && m.Boot != 0 && m.Boot < p.boot {
		return
	}
	n.raise(p, m.Boot, 0)
	standing := m.Standing
	if standing == Left && p.boot != 0 && !p.leaving {
		// It is the goodbye of a process before this one, or nobody has heard it leave.
		standing = Gone
	}
	switch standing {
	case Alive:
		n.revive(p)
	case Left:
		if p.status != Left {
			p.status, p.since, n.dirty = Left, n.now, true
		}
	case Gone:
		if p.status == Alive || p.status == unlisted {
			n.vanish(p)
		}
	}
}

// Heard tells of a heartbeat. It must be told before what confirmation makes of
// the heartbeat, and of those alone that confirmation accepts, each once
// (confirm.Node.Order): an old one may be a recording of a node that is gone.
func (n *Node) Heard(now confirm.Time, hb *confirm.Heartbeat) Actions {
	n.begin(now)
	p := n.peers[hb.Name]
	if p == nil {
		p = n.meet(hb.Name)
	}
	if p == nil || hb.Boot < p.boot || p.status == Left && hb.Boot == p.boot {
		return n.finish()
	}
	n.raise(p, hb.Boot, hb.Release)
	if hb.Seq > p.beat {
		p.beat, p.leaving = hb.Seq, hb.Phase == confirm.Leaving
		if idle := hb.Stated == 0 && hb.Target == 0; idle != p.idle {
			p.idle = idle
			n.absorb(p)
		}
	}
	n.revive(p)
	return n.finish()
}

// meet adds a node, unless it is this one or there are too many.
func (n *Node) meet(name string) *peer {
	if name == n.name || len(n.peers) >= maxPeers {
		return nil
	}
	p := &peer{name: name, status: unlisted, since: n.now}
	n.doubts++
	n.peers[name] = p
	return p
}

// raise takes in the newest boot and release that were heard of. A new process
// may have flows anywhere, and one that has released buckets has had some that
// this node may not know of.
func (n *Node) raise(p *peer, boot, release uint64) {
	switch {
	case boot > p.boot:
		p.boot, p.release = boot, release
		p.beat, p.idle, p.leaving = 0, false, false
		p.sent, p.sentSeq, p.sentEcho = 0, 0, 0
		p.heardSeq, p.fresh = 0, 0
		p.due = p.status == Alive
		n.forget(p)
	case boot == p.boot && release > p.release:
		p.release = release
		p.cleared, n.dirty = confirm.Buckets{}, true
		n.doubts++
		n.absorb(p)
	}
}

// revive makes a peer one that is alive. One that had vanished may have been in
// another view meanwhile.
func (n *Node) revive(p *peer) {
	if p.status == Alive {
		return
	}
	if p.status != unlisted {
		n.distrust(p)
	}
	p.status, p.due, n.dirty = Alive, true, true
	n.doubts++
	n.absorb(p)
}

// vanish makes a peer one that is gone without a goodbye.
func (n *Node) vanish(p *peer) { p.status, p.since, n.dirty = Gone, n.now, true }

// forget drops what a peer has reported.
func (n *Node) forget(p *peer) {
	p.report, p.cleared, n.dirty = nil, confirm.Buckets{}, true
	n.doubts++
}

// distrust asks a peer for a report made from now on: it must echo a report of
// this node's that has not been sent yet. Only that tells it from one that has
// been under way for long.
func (n *Node) distrust(p *peer) {
	n.forget(p)
	n.number()
	p.fresh, p.due = n.seq, p.status == Alive
}

// expire forgets those that have been gone for long.
func (n *Node) expire() {
	for name, p := range n.peers {
		if p.status != Alive && n.now.Sub(p.since) >= n.params.Hold {
			delete(n.peers, name)
			n.dirty = true
		}
	}
}

// counts says whether the peer may have flows at all.
func (p *peer) counts() bool { return p.status == Alive || p.status == Gone }
