package confirm

import (
	"maps"
	"slices"
)

// Clone returns an independent copy of the node in its present state, for
// searches that follow several futures of one state.
func (n *Node) Clone() *Node {
	c := *n
	c.peers = make([]*peer, len(n.peers))
	for i, p := range n.peers {
		q := *p
		q.relayed = slices.Clone(p.relayed)
		c.peers[i] = &q
	}
	c.views.views = maps.Clone(n.views.views)
	for id, v := range c.views.views {
		w := *v
		c.views.views[id] = &w
	}
	c.held.batches = slices.Clone(n.held.batches)
	c.counted.peers = slices.Clone(n.counted.peers)
	c.sent.times = slices.Clone(n.sent.times)
	return &c
}
