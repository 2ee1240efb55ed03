package confirm

// Up asks for the node to be eligible. It will be, not before it has been
// starting for W (rule 0): what its predecessor confirmed to others must be over,
// and it must have heard who is there. A node that leaves starts again.
func (n *Node) Up(now Time) Actions {
	if n.retired {
		return n.step(now)
	}
	n.pass(now)
	n.wanted = true
	if n.phase == Leaving {
		n.start()
	}
	return n.step(now)
}

// Leave stops all new flows here, at once, and tells the others (rule 4). The
// node goes on sending heartbeats: it must be heard to say so, and it relays.
func (n *Node) Leave(now Time) Actions {
	if n.retired {
		return n.step(now)
	}
	n.pass(now)
	n.wanted = false
	if n.phase != Leaving {
		n.setPhase(Leaving)
	}
	return n.step(now)
}

// start puts the node into phase starting as of now.
func (n *Node) start() {
	n.setPhase(Starting)
	n.started = stamp{n.now, n.ran}
}

// setPhase changes the phase. Only an up node has a target, a view and buckets;
// retarget takes them away in the same step.
func (n *Node) setPhase(p Phase) {
	n.phase, n.urgent = p, true
	n.event(Event{Kind: PhaseChanged, Phase: p})
}

// comeUp ends the start wait. It is counted in running time, which is never
// more than the time that has passed.
func (n *Node) comeUp() {
	if n.phase != Starting || !n.wanted {
		return
	}
	if n.ran-n.started.ran >= n.longestWait() {
		n.setPhase(Up)
		n.upSince = n.ran
	}
}
