package confirm

import (
	"cmp"
	"slices"
	"time"
)

// maxPeers bounds the peers that a node remembers. Farms have up to 32 nodes;
// the rest is room for machines that were replaced.
const maxPeers = 64

// peer is what a node knows of another one.
type peer struct {
	name  string
	id    PeerID
	alive bool // by the membership

	last     *Heartbeat // the newest received, nil for never
	heard    stamp      // when that was
	answered answer     // what this node answers for
	granted  Time       // receipt of the newest heartbeat echoed with a view stated that has the peer
	owed     bool       // granted has been set

	shown  shown  // the newest view that it stated, until the same process states none
	upBoot uint64 // of the newest heartbeat received that said up, 0 for none
	upAt   stamp  // when that was received

	echo   uint64 // the newest heartbeat of mine that last answers for, 0 for none
	echoAt Time   // when I sent that one
	proof  Time   // when I sent the newest one that it has heard: it spoke after that

	relayed []relayMark
}

// shown is what a peer stated when, and what it headed for; the zero value is nothing.
// It outlives the heartbeat: when the clock was set back, a late one of an earlier
// process has the higher boot and takes the living one's place.
type shown struct {
	boot           uint64
	stated, target ViewID
	lease          time.Duration // of the peer
	at             Time          // its receipt
	proof          Time          // of the process then (peer.proof); not in a snapshot
}

// show takes from the peer's newest heartbeat, whose echo has been read, what it states.
func (p *peer) show() {
	switch {
	case p.last.Stated != 0:
		p.shown = shown{p.last.Boot, p.last.Stated, p.last.Target, p.last.Lease, p.heard.at, p.proof}
	case p.last.Boot == p.shown.boot:
		p.shown = shown{}
	}
}

// answer is the newest heartbeat of a peer that this node answers for.
type answer struct {
	boot, seq uint64
	received  Time
}

// peer returns the record of a name, made if need be.
func (n *Node) peer(name string) *peer {
	i, ok := slices.BinarySearchFunc(n.peers, name, func(p *peer, s string) int { return cmp.Compare(p.name, s) })
	if ok {
		return n.peers[i]
	}
	p := &peer{name: name, id: IDOf(name)}
	n.peers = slices.Insert(n.peers, i, p)
	if len(n.peers) > maxPeers {
		n.forget(p)
	}
	return p
}

// find returns the record of a name, or nil.
func (n *Node) find(name string) *peer {
	i, ok := slices.BinarySearchFunc(n.peers, name, func(p *peer, s string) int { return cmp.Compare(p.name, s) })
	if !ok {
		return nil
	}
	return n.peers[i]
}

// forget drops the peer unheard for longest that no view needs, but not keep.
func (n *Node) forget(keep *peer) {
	oldest := -1
	for i, p := range n.peers {
		if p == keep || p.alive || n.target.Has(p.name) || n.stated.Has(p.name) {
			continue
		}
		if oldest < 0 || p.heard.at < n.peers[oldest].heard.at {
			oldest = i
		}
	}
	if oldest >= 0 {
		n.peers = slices.Delete(n.peers, oldest, oldest+1)
	}
}

// silent returns for how long, in this node's running time, the peer has not
// been heard. It must have been heard once.
func (n *Node) silent(p *peer) time.Duration { return n.ran - p.heard.ran }

// stopped says whether the peer has said that it lets no flows in, and this can
// be believed: the process that said so is the one that was last up, or it has
// heard a heartbeat that this node sent after it had last heard the other. Boots
// alone do not prove it. When the clock is set back between two processes, a
// late heartbeat of the first one, starting, has the higher boot.
func (n *Node) stopped(p *peer) bool {
	if p.last == nil {
		return true
	}
	return p.last.Phase != Up && (p.upBoot == 0 || p.upBoot == p.last.Boot || p.proof >= p.upAt.at)
}

// wait is how long a lease that was given to the peer must be waited for.
func (n *Node) wait(p *peer) time.Duration {
	if p == nil || p.last == nil {
		return n.waitFor(0)
	}
	return n.waitFor(p.last.Lease)
}

// waitFor is how long a lease of that length must be waited for, or one of this
// node's if that is longer.
func (n *Node) waitFor(lease time.Duration) time.Duration {
	lease = max(lease, n.params.Lease)
	return Wait(lease)
}

// longestWait is the wait for the longest lease of all peers: what a new
// process owes, who does not know which leases its predecessor gave.
func (n *Node) longestWait() time.Duration {
	wait := n.wait(nil)
	if longest := n.params.Longest; longest > 0 {
		wait = max(wait, Wait(longest))
	}
	for _, p := range n.peers {
		wait = max(wait, n.wait(p))
	}
	return wait
}
