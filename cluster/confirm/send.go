package confirm

import (
	"cmp"
	"slices"
	"time"
)

// sentLog remembers when the latest heartbeats were sent.
type sentLog struct {
	first uint64 // the number of times[0]
	times []Time
}

// add notes that heartbeat seq is sent at now, and forgets what is older than
// keep.
func (s *sentLog) add(seq uint64, now Time, keep time.Duration) {
	if len(s.times) == 0 {
		s.first = seq
	}
	s.times = append(s.times, now)
	old := 0
	for s.times[old].Add(keep) < now {
		old++
	}
	if old > len(s.times)/2 {
		s.times = append([]Time(nil), s.times[old:]...)
		s.first += uint64(old)
	}
}

// at returns when heartbeat seq was sent; false if it was not or is forgotten.
func (s *sentLog) at(seq uint64) (Time, bool) {
	if seq < s.first || seq-s.first >= uint64(len(s.times)) {
		return 0, false
	}
	return s.times[seq-s.first], true
}

// transmit sends a heartbeat when one is due: every interval, and at once when
// there is news, but not within Gap of the last.
func (n *Node) transmit() {
	due := n.now >= n.nextBeat || n.urgent && n.now >= n.lastSent.Add(n.params.Gap)
	if !due && n.seq > 0 {
		return
	}
	n.seq++
	n.sent.add(n.seq, n.now, 2*n.params.Lease)
	n.out.News = n.urgent
	n.urgent, n.lastSent, n.nextBeat = false, n.now, n.now.Add(n.params.Heartbeat)
	n.counters.Sent++
	n.answer()
	n.out.Broadcast = &Heartbeat{
		Name: n.name, Boot: n.boot, Seq: n.seq, Phase: n.phase, Lease: n.params.Lease,
		Stated: n.stated.ID, Target: n.target.ID, Release: n.lease.Release, Meta: n.meta, Echoes: n.echoes(),
	}
}

// answer makes the newest heartbeat of every member of the target the one that
// this node answers for. A peer outside the target keeps the echo that it has:
// answering anew would renew its lease. What a member of the stated view is
// given with this heartbeat counts from the receipt of what it echoes.
func (n *Node) answer() {
	for _, p := range n.peers {
		if n.target.Has(p.name) {
			p.answered = answer{p.last.Boot, p.last.Seq, p.heard.at}
		}
		if p.answered.seq > 0 && n.stated.Has(p.name) {
			p.granted, p.owed = p.answered.received, true
		}
	}
}

// echoes returns what to say about the peers, those heard last first if there
// are too many.
func (n *Node) echoes() []Echo {
	known := make([]*peer, 0, len(n.peers))
	for _, p := range n.peers {
		if p.last != nil {
			known = append(known, p)
		}
	}
	if len(known) > MaxEchoes {
		slices.SortStableFunc(known, func(a, b *peer) int { return -cmp.Compare(a.heard.at, b.heard.at) })
		known = known[:MaxEchoes]
	}
	echoes := make([]Echo, len(known))
	for i, p := range known {
		echoes[i] = Echo{p.id, p.last.Boot, p.answered.seq, p.last.Seq}
	}
	return echoes
}
