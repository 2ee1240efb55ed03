package settle

import (
	"slices"

	"thresher/cluster/confirm"
)

// Blocking returns the members that have not cleared a bucket that this node
// holds, sorted; none for a bucket that it does not hold.
func (n *Node) Blocking(rule confirm.RuleID, bucket int) []string {
	if !n.state.Held.Has(rule, bucket) {
		return nil
	}
	var names []string
	for _, p := range n.peers {
		if p.counts() && !p.cleared.Has(rule, bucket) {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

// Doubts rises whenever a member may have begun to block a held bucket that it did
// not block before: one that is new, is back, has a new process, has released
// buckets, or has flows where it had none. While it stays the same, blocking
// members only become fewer, but for buckets that this node takes up.
func (n *Node) Doubts() uint64 { return n.doubts }

// Alive says whether a member's process is alive, as far as this node was told.
func (n *Node) Alive(name string, boot uint64) bool {
	p := n.peers[name]
	return p != nil && p.status == Alive && p.boot == boot
}
