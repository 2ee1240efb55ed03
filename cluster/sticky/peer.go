package sticky

import (
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// maxPeers bounds how many names are remembered: the largest farm has 32.
const maxPeers = 256

// peer is what is known of another node.
type peer struct {
	name    string
	boot    uint64
	last    *confirm.Heartbeat // the newest
	heardAt time.Duration      // in running time
	alive   bool
	muted   bool         // its heartbeats come, and no answers
	waiting confirm.Time // since when it leaves every Ask unanswered; 0 if it does not
	probed  confirm.Time // when it was last asked about nobody
	goneAt  confirm.Time // since when it is not alive; 0 if it is
	bye     confirm.Time // when a farewell of this boot takes effect; 0 for none

	promised confirm.Time // when it was last sent a Grant; 0 for never
	granted  confirm.Time // until when its grant counts
}

// Heard tells of a heartbeat, as settle.Node.Heard.
func (n *Node) Heard(now confirm.Time, hb *confirm.Heartbeat) Actions {
	n.begin(now)
	p := n.peers[hb.Name]
	if p == nil && hb.Name != n.name && len(n.peers) < maxPeers {
		p = &peer{name: hb.Name}
		n.peers[hb.Name] = p
	}
	if p == nil || !n.current(hb.Name, hb.Boot) || hb.Boot == p.boot && p.last != nil && hb.Seq <= p.last.Seq {
		return n.finish()
	}
	if hb.Boot > p.boot {
		*p = peer{name: p.name, boot: hb.Boot}
	}
	p.last, p.heardAt = hb, n.ran
	if !p.muted && !p.gone(n.now) {
		p.alive = true
		n.absorb(n.memory.Heard(n.now, hb))
	}
	return n.finish()
}

// current says whether a message is of a peer's present process or of a newer one.
// A newer one does not count yet as long as its predecessor's kernel may still go
// by a grant, or what that let in may be under way.
func (n *Node) current(name string, boot uint64) bool {
	p := n.peers[name]
	if p == nil || p.boot == 0 || boot <= p.boot {
		return p == nil || boot >= p.boot
	}
	return p.promised == 0 || n.now.Sub(p.promised) >= n.params.hold()
}

// gone says whether the peer's farewell has taken effect.
func (p *peer) gone(now confirm.Time) bool { return p.bye != 0 && now >= p.bye }

// spoke notes that a message has come. That its sender is not mute only an answer to a
// question of just now shows: what was recorded of it can be sent again at any time. By
// any other it is asked, about nobody, and will answer.
func (n *Node) spoke(name string, boot uint64, answers bool) {
	p := n.peers[name]
	if p == nil || p.boot != boot || p.waiting == 0 && !p.muted {
		return
	}
	if !answers {
		n.probe(p)
		return
	}
	p.waiting = 0
	if p.muted && !p.gone(n.now) && n.ran-p.heardAt < n.params.Eviction {
		p.muted, p.alive = false, true
		n.absorb(n.memory.Heard(n.now, p.last))
	}
}

// probe asks a peer about nobody: it answers in any case. Not at once again, or two nodes
// that take each other for mute might ask each other without end.
func (n *Node) probe(p *peer) {
	if n.now.Sub(p.probed) >= askAgain {
		p.probed = n.now
		n.send(p.name, &Message{Kind: Ask, Seq: n.number()})
	}
}

// answers says whether a message answers a question that this process has asked just
// now. Numbers follow the time of who asks.
func (n *Node) answers(m *Message) bool {
	return (m.Kind == Answer || m.Kind == Grant) && m.EchoBoot == n.boot && n.now.Sub(confirm.Time(m.Seq)) < mute
}

// noteReturn notices a process that comes back after it was given up: then both
// may have served one client, and remember it.
func (n *Node) noteReturn(p *peer) {
	switch {
	case !p.alive && p.goneAt == 0:
		p.goneAt = n.now
	case p.alive && p.goneAt != 0:
		if n.now.Sub(p.goneAt) >= n.params.hold() {
			n.drop()
		}
		p.goneAt = 0
	}
}

// bidFarewell takes in that the sender remembers nobody. What it let in before has
// its time.
func (n *Node) bidFarewell(m *Message) {
	if p := n.peers[m.Name]; p != nil && p.boot == m.Boot && p.bye == 0 {
		p.bye = n.now
	}
}

// judgePeers tells the memory who is alive.
func (n *Node) judgePeers() {
	var members []settle.Member
	for _, name := range n.sorted() {
		p := n.peers[name]
		if p.waiting != 0 && n.now.Sub(p.waiting) >= mute {
			p.muted = true
		}
		p.alive = p.last != nil && !p.muted && !p.gone(n.now) && n.ran-p.heardAt < n.params.Eviction
		n.noteReturn(p)
		m := settle.Member{Name: p.name, Boot: p.boot, Standing: settle.Gone}
		switch {
		case p.gone(n.now):
			m.Standing = settle.Left
		case p.alive:
			m.Standing = settle.Alive
		}
		members = append(members, m)
	}
	if !slices.Equal(members, n.members) {
		n.members = members
		n.absorb(n.memory.Members(n.now, members))
	}
}
