package sticky

import "thresher/cluster/confirm"

// Peer is another node as the process before this one knew it.
type Peer struct {
	Name string
	Boot uint64
	// Stated is the view that it stated, 0 for none.
	Stated confirm.ViewID
}

// Resume tells a node that was just made, before anything else, that it goes on in
// the boot of a process that has ended, and whom that one knew: nobody sees that it
// is a new one. Every peer counts as a holder with a promise of this node's, until it has
// reported anew or has been silent for as long as such a promise lasts. What the
// predecessor's program let in by a grant gets its time before this node denies a
// client.
func (n *Node) Resume(now confirm.Time, before []Peer) Actions {
	n.begin(now)
	for _, p := range before {
		if p.Name == n.name || p.Boot == 0 || len(n.peers) >= maxPeers {
			continue
		}
		n.peers[p.Name] = &peer{
			name: p.Name, boot: p.Boot, heardAt: n.ran, alive: true, promised: n.now,
			last: &confirm.Heartbeat{Name: p.Name, Boot: p.Boot, Stated: p.Stated},
		}
	}
	n.judgePeers()
	n.absorb(n.memory.Fenced(n.now)) // A report that is under way may be an old one.
	n.drop()
	return n.finish()
}
