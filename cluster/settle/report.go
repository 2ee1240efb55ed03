package settle

import (
	"cmp"
	"slices"

	"thresher/cluster/confirm"
)

// Report is what a node tells of the flows that it has in others' buckets. It is
// never changed after it was made.
type Report struct {
	// Name and Boot are the reporter's, Seq numbers its reports.
	Name string
	Boot uint64
	Seq  uint64
	// View is what the reporter stated while it scanned, 0 for none, and Release
	// the number of its last release of buckets then.
	View    confirm.ViewID
	Release uint64
	// EchoBoot and EchoSeq are those of the newest report that the reporter had of
	// the receiver when it sent this one; 0 if none.
	EchoBoot, EchoSeq uint64
	// Answer says that the reporter waits for the receiver's own report.
	Answer bool
	// Rules are those that the reporter knows, sorted. It says nothing of others.
	Rules []confirm.RuleID
	// Flows are the buckets that View does not give to the reporter and in which
	// it has flows.
	Flows confirm.Buckets
}

// Receive takes in another node's report. Old ones are ignored, and the same one
// again does no harm.
func (n *Node) Receive(now confirm.Time, r *Report) Actions {
	n.begin(now)
	p := n.peers[r.Name]
	if p == nil {
		p = n.meet(r.Name)
	}
	if p == nil {
		return n.finish()
	}
	if r.Boot < p.boot {
		n.counts.stale++
		return n.finish()
	}
	n.raise(p, r.Boot, r.Release)
	p.heardSeq = max(p.heardSeq, r.Seq)
	fresh := r.EchoBoot == n.state.Boot && r.EchoSeq >= p.fresh || p.fresh == 0
	if p.report != nil && r.Seq < p.report.Seq || !fresh {
		n.counts.stale++
	} else {
		p.report, n.dirty = r, true
		if cleared := p.cleared.Minus(r.Flows); !cleared.Equal(p.cleared) {
			p.cleared = cleared
			n.doubts++
		}
		n.absorb(p)
	}
	if r.Answer && !(p.sentSeq == n.seq && p.sentEcho == p.heardSeq && n.now.Sub(p.sent) < answerGap) {
		p.due = p.status == Alive
	}
	return n.finish()
}

// absorb clears what the peer's report clears, if it speaks of the present: of
// the process that runs, of the view in which this node's own buckets are not
// the peer's, and of the time after its last release. A report under no view is
// of the present while the peer does not head for one: it may have taken buckets
// since, and have fallen silent before it released any.
func (n *Node) absorb(p *peer) {
	r := p.report
	switch {
	case r == nil || p.status != Alive:
		return
	case r.Boot != p.boot:
		return
	case r.View != n.state.View && !(r.View == 0 && p.idle):
		return
	case r.Release < p.release:
		return
	}
	p.cleared = p.cleared.Union(ofRules(n.state.Own, r.Rules)).Minus(r.Flows)
	n.dirty = true
}

// ofRules returns the buckets of the given rules only.
func ofRules(b confirm.Buckets, rules []confirm.RuleID) confirm.Buckets {
	some := make(map[confirm.RuleID]*confirm.Bitmap, len(rules))
	for rule, bits := range b.Rules() {
		if _, known := slices.BinarySearch(rules, rule); known {
			some[rule] = bits
		}
	}
	return confirm.BucketsOf(some)
}

// send sends the report to those to whom it is due, and asks those again that
// are waited for. Without a report there is one soon.
func (n *Node) send() {
	if n.report == nil {
		return
	}
	for _, p := range n.peers {
		if p.status != Alive || !p.due && !(p.blocks && n.now.Sub(p.sent) >= n.params.Repeat) {
			continue
		}
		r := *n.report
		r.Answer, r.EchoBoot, r.EchoSeq = p.blocks, p.boot, p.heardSeq
		p.due, p.sent, p.sentSeq, p.sentEcho = false, n.now, r.Seq, r.EchoSeq
		n.counts.reports++
		n.out.Send = append(n.out.Send, Outgoing{p.name, &r})
	}
	slices.SortFunc(n.out.Send, func(a, b Outgoing) int { return cmp.Compare(a.To, b.To) })
}
