package settle

import "thresher/cluster/confirm"

// A new process knows nobody. Members that hang or are cut off while it starts are
// strangers to it: they say nothing, and the flows in their kernels go on. So it
// counts whom it has met. Until it has met as many as the farm has, or has looked out
// for them for as long as for one that vanished, all that it holds is unsettled. That
// costs little: in an unsettled bucket packets that belong to nobody get no answer
// instead of a reset.

// awaited says whether there may be members that this process has not met yet.
func (n *Node) awaited() bool { return n.strangers != 0 }

// await looks out for strangers from now on, if there may be some.
func (n *Node) await() {
	if n.met() < n.params.Nodes {
		n.strangers, n.dirty = n.now.Add(n.params.Hold), true
	}
}

// recognize ends that when everybody has been met, or time is up.
func (n *Node) recognize() {
	if n.strangers != 0 && (n.now >= n.strangers || n.met() >= n.params.Nodes) {
		n.strangers, n.dirty = 0, true
	}
}

// met counts the members that this process has known to be alive, and itself. One that
// was forgotten since was gone for Hold, and then so was every stranger.
func (n *Node) met() int {
	met := 1
	for _, p := range n.peers {
		if p.status != unlisted {
			met++
		}
	}
	return met
}

// strange returns those held buckets that wait for strangers.
func (n *Node) strange(held confirm.Buckets) confirm.Buckets {
	if n.awaited() {
		return held
	}
	return confirm.Buckets{}
}
