package confirm

// Met is the most nodes that a node has met at once, itself included, and how many
// were configured meanwhile.
type Met struct{ Configured, Most int }

// carried is the most that still counts where so many nodes are configured now. Fewer
// than before is an operator who makes the farm smaller: what was met then says nothing
// any more. More takes nothing back: a list that is being completed names nodes that
// were met.
func (m Met) carried(configured int) int {
	if configured < m.Configured {
		return 0
	}
	return m.Most
}

// Met is what this node has met so far, for the process that goes on in its place
// (Config.Met).
func (n *Node) Met() Met { return Met{n.params.Nodes, n.met} }

// meet counts who states a view now, and this node. Who is met is remembered in every
// phase and under every policy: a split may come, or the policy change, right after.
func (n *Node) meet() {
	stating := 1
	for _, p := range n.peers {
		if n.eligible(p) && p.last.Stated != 0 {
			stating++
		}
	}
	n.met = max(n.met, stating)
}

// ofAll is of how many nodes a majority is wanted. The configuration may name too
// few, since it is a list of whom to ask where a node starts: then two sides of a split
// could each be more than half of what their own lists name. Who was met is counted
// too, and stays counted when it is silent.
func (n *Node) ofAll() int {
	return max(n.params.Nodes, n.met)
}
