package sticky

import (
	"time"

	"thresher/cluster/confirm"
)

// holder is what a node does as one that remembers clients of others' buckets.
type holder struct {
	foreign bool         // it remembers such clients, or may
	since   confirm.Time // since when it wants a grant; 0 if it does not
	grant   confirm.Time // until when it has one; 0 for none
	next    confirm.Time // when the next Hold is due
	clearAt confirm.Time // when it may forget its clients; 0 if it need not
	dropped confirm.Time // clients let in before are to be forgotten then
	stopped bool
	sent    []sentHold // the latest, the oldest first
}

// sentHold is a Hold that was sent.
type sentHold struct {
	seq uint64
	at  confirm.Time
}

// Stop has the node remember nobody from now on: it was stopped by an operator, or
// is about to end.
func (n *Node) Stop(now confirm.Time) Actions {
	n.begin(now)
	if !n.holder.stopped {
		n.holder.stopped = true
		n.drop()
	}
	return n.finish()
}

// Start undoes Stop.
func (n *Node) Start(now confirm.Time) Actions {
	n.begin(now)
	n.holder.stopped = false
	return n.finish()
}

// Leave says farewell to all: this process remembers nobody any more and ends. It
// is to be called after Stop, when Clean says so.
func (n *Node) Leave(now confirm.Time) Actions {
	n.begin(now)
	for _, name := range n.sorted() {
		n.send(name, &Message{Kind: Farewell, Seq: n.number()})
	}
	return n.finish()
}

// Clean says whether a stopped node has let go of all clients of others' buckets.
func (n *Node) Clean() bool { return n.holder.stopped && n.holder.clearAt == 0 && !n.holder.foreign }

// drop ends the grant, and has the clients forgotten when what they were let in by
// has had its time.
func (n *Node) drop() {
	h := &n.holder
	h.dropped, h.clearAt = n.now, n.now.Add(linger)
	h.grant, h.since, h.sent = 0, 0, nil
}

// lapse notices that the grant has ended, or was not to be had: others may have
// taken the clients over.
func (n *Node) lapse() {
	h := &n.holder
	over := h.grant != 0 && n.now >= h.grant
	never := h.grant == 0 && h.since != 0 && n.now.Sub(h.since) >= n.params.Lease
	if (over || never) && h.clearAt == 0 {
		n.counts.lapsed++
		n.drop()
	}
}

// cleared notes that the clients let in before a time are forgotten.
func (h *holder) cleared(before confirm.Time) {
	if before != 0 && before == h.dropped {
		h.clearAt = 0
	}
}

// clears says whether the clients may be forgotten now.
func (h *holder) clears(now confirm.Time) bool { return h.clearAt != 0 && now >= h.clearAt }

// renew asks for the grant as long as one is needed.
func (n *Node) renew() {
	h := &n.holder
	n.look()
	if !h.foreign || h.stopped || h.clearAt != 0 {
		if h.clearAt == 0 || !h.foreign {
			h.grant, h.since = 0, 0
		}
		n.out.Grant = 0
		return
	}
	if h.since == 0 {
		h.since, h.next = n.now, n.now
	}
	if n.now >= h.next {
		n.hold()
	}
	n.measure()
	n.out.Grant = h.grant
}

// look counts what the memory says, if it says something new.
func (n *Node) look() {
	if !n.news {
		return
	}
	n.news = false
	s := n.memory.Status()
	n.holder.foreign = s.Foreign > 0
	if s.Held == 0 && len(n.owner.verdicts) > 0 {
		n.forget()
	}
}

// hold asks every member for a grant.
func (n *Node) hold() {
	h := &n.holder
	h.next = n.now.Add(n.params.Heartbeat)
	if len(h.sent) >= maxGrants {
		h.sent = h.sent[1:]
	}
	seq := n.number()
	h.sent = append(h.sent, sentHold{seq, n.now})
	for _, name := range n.sorted() {
		if n.ran-n.peers[name].heardAt < n.params.Eviction {
			n.send(name, &Message{Kind: Hold, Seq: seq})
		}
	}
}

// measure finds out until when the grant lasts: the earliest of those of all
// members that state a view; with none of them, a lease from now.
func (n *Node) measure() {
	h := &n.holder
	until := n.now.Add(n.params.Lease)
	for _, p := range n.peers {
		if p.last == nil || p.last.Stated == 0 || n.ran-p.heardAt >= n.params.Eviction {
			continue
		}
		if p.granted <= n.now {
			if h.grant != 0 {
				h.grant, h.since = 0, n.now
			}
			return // it must answer first
		}
		until = min(until, p.granted)
	}
	h.grant = until
}

// grant promises a holder to count on it for a lease and more, if it is alive.
func (n *Node) grant(m *Message) {
	if n.memory.Alive(m.Name, m.Boot) {
		if p := n.peers[m.Name]; p != nil {
			p.promised = n.now
		}
		n.send(m.Name, &Message{Kind: Grant, Seq: m.Seq, EchoBoot: m.Boot, Lease: n.params.Lease})
	}
}

// granted takes in a member's promise. It counts from when it was asked for.
func (n *Node) granted(m *Message) {
	p := n.peers[m.Name]
	if p == nil || p.boot != m.Boot || m.EchoBoot != n.boot {
		return
	}
	for _, s := range n.holder.sent {
		if s.seq != m.Seq {
			continue
		}
		p.granted = max(p.granted, s.at.Add(min(m.Lease, n.params.Lease)))
	}
}

// answer says of the clients asked about whether this node remembers them, as far
// as it can be said. It answers in any case, to show that messages arrive.
func (n *Node) answer(m *Message, remembers func(Client) bool) {
	reply := &Message{Kind: Answer, Seq: m.Seq, EchoBoot: m.Boot}
	for _, c := range m.Clients {
		if n.state.Held.Has(c.Rule, int(c.Bucket)) {
			continue // an old question
		}
		mine := remembers(c)
		if !mine && !n.sure() {
			continue
		}
		reply.Clients, reply.Mine = append(reply.Clients, c), append(reply.Mine, mine)
	}
	n.send(m.Name, reply)
}

// sure says whether a client that is not remembered now has not been let in lately:
// nobody is just being forgotten, and no bucket was just lost.
func (n *Node) sure() bool {
	const settled = 10 * time.Millisecond // settle.Params.Margin
	return !n.sweeping && n.holder.clearAt == 0 && n.now.Sub(n.lost) >= settled
}

func (h *holder) due(now confirm.Time) confirm.Time {
	at := h.clearAt
	if at != 0 && now >= at {
		return 0 // it waits for a sweep
	}
	if h.foreign && !h.stopped && h.clearAt == 0 {
		at = h.next
		if h.grant != 0 {
			at = min(at, h.grant)
		}
	}
	return at
}
