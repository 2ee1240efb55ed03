package confirmation

import (
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/farm/gate"
)

// A node that lets go of buckets takes no SYN in them from its new share on, and who
// is to get them parks none before it has read the notice and has swapped its own
// share: some milliseconds, in which nobody would. So the node that lets go keeps
// those SYNs itself, until the others have said that they know, and then sends them
// on to the node that gets the bucket, under its own Ethernet address. There they
// are what any other SYN is, and only the gate lets them in: nothing of the protocol
// depends on it. A SYN that came both ways is at one node twice, which TCP expects
// of a network; two nodes never get it, since nobody sends it on but to one.

// releasing is the release whose SYNs are kept. It belongs to the confirmation's
// goroutine.
type releasing struct {
	gate.Released
	count uint64 // of all releases

	self   confirm.PeerID
	target confirm.ViewID // this node's own, from the release on
	before confirm.ViewID // what the others headed for until they hear of it
	after  confirm.View   // that gives the buckets away
	seq    uint64         // of the first heartbeat that tells of it; 0 while there is none
	ends   confirm.Time

	known   []confirm.PeerViews // the others' newest heartbeats as of the release
	waiting []string            // who has not answered yet
	ready   []string            // who parks what comes
}

// keepSYNs is how long SYNs are kept for nodes that do not answer. They are parked
// there for pipeline.LotAge at most, and their client sends the next one after a
// second (RFC 6298 §2.1).
const keepSYNs = 200 * time.Millisecond

// begin is the release of buckets, whose new owners are those of the view after.
func (r *releasing) begin(now confirm.Time, buckets confirm.Buckets, target confirm.ViewID, before, after confirm.View, self string) {
	r.drop()
	for _, m := range after.Members {
		if m.Name != self {
			r.waiting = append(r.waiting, m.Name)
		}
	}
	if len(r.waiting) == 0 || buckets.Empty() {
		return
	}
	r.count++
	r.Released = gate.Released{Number: r.count, Buckets: buckets}
	r.self, r.target, r.before, r.after = confirm.IDOf(self), target, before.ID, after
	r.ends = now.Add(keepSYNs)
}

// said notes that a heartbeat was sent: the first one after begin tells of the
// release.
func (r *releasing) said(seq uint64) {
	if r.Number != 0 && r.seq == 0 {
		r.seq = seq
	}
}

// heard takes in a peer's heartbeat. Who has heard of the release and heads for the
// view after it parks what comes, since a node's packet path is always ahead of
// what it says. Who heads for another view knows of another change: then it cannot
// be told who gets what. What was said since the release counts also if something newer
// has been read before it (segment.Conn.Receive); what was said earlier may be a recording.
func (r *releasing) heard(hb *confirm.Heartbeat, boot uint64) {
	if r.Number == 0 || !r.after.Has(hb.Name) || hb.Phase != confirm.Up || r.knew(hb) {
		return
	}
	switch hb.Target {
	case r.before, 0:
	case r.after.ID:
		i := slices.Index(r.waiting, hb.Name)
		if i >= 0 && r.knownTo(hb, boot) {
			r.waiting = slices.Delete(r.waiting, i, i+1)
			r.ready = append(r.ready, hb.Name)
		}
	default:
		r.drop()
	}
}

// knew says whether a heartbeat is no newer than what was known as of the release.
func (r *releasing) knew(hb *confirm.Heartbeat) bool {
	return slices.ContainsFunc(r.known, func(p confirm.PeerViews) bool {
		return p.Name == hb.Name && (hb.Boot < p.Boot || hb.Boot == p.Boot && hb.Seq <= p.Seq)
	})
}

// knownTo says whether a heartbeat comes from a node that has heard of the release.
func (r *releasing) knownTo(hb *confirm.Heartbeat, boot uint64) bool {
	return r.seq != 0 && slices.ContainsFunc(hb.Echoes, func(e confirm.Echo) bool {
		return e.Peer == r.self && e.Boot == boot && e.Heard >= r.seq
	})
}

// over says whether nobody is waited for any more.
func (r *releasing) over(now confirm.Time) bool {
	return r.Number != 0 && (len(r.waiting) == 0 || now >= r.ends)
}

// drop ends it: what was kept is kept no more.
func (r *releasing) drop() { *r = releasing{count: r.count} }

// letGo begins to keep the SYNs of buckets that a lease takes from this node. Of
// those that it did not let in until now it keeps none: they may be another's.
func (c *Confirmation) letGo(now confirm.Time, l confirm.Lease, isNew bool) {
	target, old := c.node.Target(), c.gate.InForce()
	if c.releasing.Number != 0 && target.ID != c.releasing.target {
		c.releasing.drop()
	}
	if isNew && !l.Released.Empty() && now < old.Deadline {
		after := target
		if target.None() {
			after = viewWithout(c.aim, c.self)
		}
		buckets := l.Released.Intersect(old.Confirmed).Minus(c.gate.Withheld())
		c.releasing.begin(now, buckets, target.ID, c.aim, after, c.self)
		c.releasing.known = slices.Clone(c.node.Peers())
	}
	if !target.None() {
		c.aim = target
	}
}

// viewWithout is a view without some of its nodes.
func viewWithout(v confirm.View, names ...string) confirm.View {
	var left []confirm.Member
	for _, m := range v.Members {
		if !slices.Contains(names, m.Name) {
			left = append(left, m)
		}
	}
	return confirm.NewView(left)
}

// leaveToHeirs ends keeping SYNs when that is time, and tells who gets them. It
// returns when it wants to be called again; 0 for never.
func (c *Confirmation) leaveToHeirs(now confirm.Time) confirm.Time {
	r := &c.releasing
	if r.over(now) {
		c.heirs.Store(&heirs{release: r.Number, division: c.division(r.after), ready: r.ready})
		r.drop()
	}
	if r.Number == 0 {
		return 0
	}
	return r.ends
}
