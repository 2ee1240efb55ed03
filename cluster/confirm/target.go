package confirm

import "slices"

// eligible is rule 0: a peer belongs to the target if it says that it is up and
// was heard lately. The membership can add a peer that is heard, and bring
// forward the end of one that is silent, but it cannot remove one that is heard:
// otherwise a blocked gossip port would make every node believe that it is alone.
func (n *Node) eligible(p *peer) bool {
	if p.last == nil || p.last.Phase != Up {
		return false
	}
	if p.alive {
		return n.silent(p) < n.params.Eviction
	}
	return n.silent(p) < n.params.Heard
}

// retarget finds the target anew and, when it has changed, lets go at once of
// every bucket that it does not give to this node (rule 2).
func (n *Node) retarget() {
	if n.targetStands() {
		return
	}
	n.target = NewView(n.targetMembers())
	n.targetFrom = n.seq + 1
	n.urgent = true
	n.views.learn(n.target, n.pinned)
	n.event(Event{Kind: TargetChanged, View: n.target.ID})
	n.held.keep(n.views.own(n.target.ID))
	if n.target.None() && !n.stated.None() {
		n.stated, n.ended = View{}, n.now
	}
}

// targetStands says whether the target has the right members already, without
// making a view.
func (n *Node) targetStands() bool {
	have := n.target.Members
	next := func(name, meta string) bool {
		if len(have) == 0 || have[0].Name != name || have[0].Meta != meta {
			return false
		}
		have = have[1:]
		return true
	}
	if n.phase != Up {
		return n.target.None()
	}
	self := false
	for _, p := range n.peers {
		if !self && p.name > n.name {
			if self = true; !next(n.name, n.meta) {
				return false
			}
		}
		if n.eligible(p) && !next(p.name, p.last.Meta) {
			return false
		}
	}
	return (self || next(n.name, n.meta)) && len(have) == 0
}

// targetMembers lists who is eligible, this node included, sorted by name.
func (n *Node) targetMembers() []Member {
	if n.phase != Up {
		return nil
	}
	members := []Member{{n.name, n.meta}}
	for _, p := range n.peers {
		if n.eligible(p) {
			members = append(members, Member{p.name, p.last.Meta})
		}
	}
	slices.SortFunc(members, func(a, b Member) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return members
}

// pinned says whether a view must not be forgotten: somebody states it or heads
// for it, or has shown so last.
func (n *Node) pinned(id ViewID) bool {
	if id == n.target.ID || id == n.stated.ID {
		return true
	}
	return slices.ContainsFunc(n.peers, func(p *peer) bool {
		return p.last != nil && (p.last.Stated == id || p.last.Target == id || p.shown.stated == id || p.shown.target == id)
	})
}
