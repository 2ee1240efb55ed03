package confirm

import (
	"cmp"
	"slices"
	"time"
)

// Status is a picture of a node, for people and metrics.
type Status struct {
	Name     string
	Boot     uint64
	Phase    Phase
	Target   ViewID
	Stated   ViewID
	Deadline Time
	// Joining says that others need not be heard yet (Config.ByMembership).
	Joining bool
	// All is of how many nodes Majority wants more than half.
	All      int
	Peers    []PeerStatus
	Counters Counters
}

// PeerStatus is what a node knows of another one.
type PeerStatus struct {
	Name string
	// Alive is the membership's opinion.
	Alive bool
	// Heard is how long ago the last heartbeat came; negative for never.
	Heard time.Duration
	// Phase, Boot, Stated, Target, Release and Meta are the last heartbeat's.
	Phase          Phase
	Boot           uint64
	Stated, Target ViewID
	Release        uint64
	Meta           string
	// Lease is the one that it runs, by the same heartbeat.
	Lease time.Duration
	// Member says that the peer is in this node's target, Required that it must
	// confirm what this node lets in, and Until how long it has.
	Member, Required bool
	Until            Time
}

// Status returns a picture of the node as of its last event.
func (n *Node) Status() Status {
	s := Status{
		Name: n.name, Boot: n.boot, Phase: n.phase, Target: n.target.ID, Stated: n.stated.ID,
		Deadline: n.lease.Deadline, Joining: n.joining, All: n.ofAll(), Counters: n.counters,
	}
	for _, p := range n.peers {
		s.Peers = append(s.Peers, n.peerStatus(p))
	}
	return s
}

// peerStatus is Status for one peer.
func (n *Node) peerStatus(p *peer) PeerStatus {
	s := PeerStatus{Name: p.name, Alive: p.alive, Heard: -1}
	if p.last == nil {
		return s
	}
	s.Heard, s.Phase, s.Boot = n.now.Sub(p.heard.at), p.last.Phase, p.last.Boot
	s.Stated, s.Target, s.Release, s.Meta = p.last.Stated, p.last.Target, p.last.Release, p.last.Meta
	s.Lease = p.last.Lease
	s.Member, s.Required = n.target.Has(p.name), n.required(p)
	if p.echo > 0 {
		s.Until = p.echoAt.Add(n.params.Lease)
	}
	return s
}

// Target returns the view that the node heads for, Stated the one that it
// confirms to others.
func (n *Node) Target() View { return n.target }

// Stated returns the view that the node confirms to others.
func (n *Node) Stated() View { return n.stated }

// PeerViews are the views of a peer's newest heartbeat.
type PeerViews struct {
	Name           string
	Boot, Seq      uint64
	Stated, Target ViewID
}

// Peers returns the views of every peer that may still be letting flows in: it was
// heard so lately that its lease need not be over. They are in order of name, and
// the slice is the caller's until the next call.
func (n *Node) Peers() []PeerViews {
	n.peerViews = n.peerViews[:0]
	for _, p := range n.peers {
		if p.last != nil && n.now.Sub(p.heard.at) < n.memory() {
			n.peerViews = append(n.peerViews, PeerViews{p.name, p.last.Boot, p.last.Seq, p.last.Stated, p.last.Target})
		}
	}
	return n.peerViews
}

// Preview returns what the next heartbeat will say, but for its number, which is
// still the last one's, and its echoes: it has one of the node itself, which no
// heartbeat has, so that nobody who sends it on makes it count as one (Receive). A
// release that does not know that reads it all the same.
func (n *Node) Preview() *Heartbeat {
	return &Heartbeat{
		Echoes: []Echo{{Peer: n.id, Boot: n.boot}},
		Name:   n.name, Boot: n.boot, Seq: max(1, n.seq), Phase: n.phase, Lease: n.params.Lease,
		Stated: n.stated.ID, Target: n.target.ID, Release: n.lease.Release, Meta: n.meta,
	}
}

// Own returns the buckets that the stated view gives to this node.
func (n *Node) Own() Buckets { return n.views.own(n.stated.ID) }

// Boot returns the boot that the node's heartbeats carry.
func (n *Node) Boot() uint64 { return n.boot }

// Release returns how many times this node has let go of buckets in this boot.
func (n *Node) Release() uint64 { return n.lease.Release }

// Observed returns the view that new flows are let in by as far as this node can
// tell: the one that it states or, if it states none, that of the peers that are
// eligible.
func (n *Node) Observed() View {
	if !n.stated.None() {
		return n.stated
	}
	var members []Member
	for _, p := range n.peers {
		if n.eligible(p) {
			members = append(members, Member{p.name, p.last.Meta})
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return NewView(members)
}

// Targets says whether a node is in the target.
func (n *Node) Targets(name string) bool { return n.target.Has(name) }

// Requires says whether a peer must confirm what this node lets in.
func (n *Node) Requires(name string) bool {
	p := n.find(name)
	return p != nil && n.required(p)
}
