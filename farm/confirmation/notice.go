package confirmation

import (
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/farm/gate"
)

// A node that lets go of buckets must wait until no packet in its kernel program
// is judged by the old share, some milliseconds, before its heartbeat may say so.
// What comes in meanwhile it lets in no more, and nobody else could know. So it
// sends a notice first: from then on the node that is to get a bucket parks its
// new flows, whose packets the old one judged by the new share already. To let
// them in it needs the heartbeat, as ever: a notice is no part of the protocol.

// notices are the latest of each peer. They belong to the confirmation's
// goroutine.
type notices map[string]notice

type notice struct {
	hb *confirm.Heartbeat
	at confirm.Time
}

// noticeAge is how long a notice is believed whose heartbeat does not come: longer
// than any wait for the kernel program, and shorter than packets stay parked.
const noticeAge = 200 * time.Millisecond

// take keeps a notice, if it is not older than the last one.
func (n notices) take(now confirm.Time, hb *confirm.Heartbeat) {
	if old, ok := n[hb.Name]; ok && (hb.Boot < old.hb.Boot || hb.Boot == old.hb.Boot && hb.Seq < old.hb.Seq) {
		return
	}
	n[hb.Name] = notice{hb, now}
}

// of returns the notice that a peer gave after its newest heartbeat; nil if there
// is none that counts.
func (n notices) of(now confirm.Time, p confirm.PeerViews) *confirm.Heartbeat {
	one, ok := n[p.Name]
	switch {
	case !ok:
		return nil
	case one.hb.Boot != p.Boot || one.hb.Seq < p.Seq || now.Sub(one.at) > noticeAge:
		delete(n, p.Name)
		return nil
	}
	return one.hb
}

// around works out what others hold. It is cheap while nobody says anything new.
//
// A node that stood still does not know yet: the first of the heartbeats that it
// finds are of a time when others may have held less than they do now. Until it has
// read the last, nothing is parked.
func (c *Confirmation) around(now confirm.Time) gate.Others {
	if c.behind {
		return gate.Others{Hold: c.everything}
	}
	said := c.said[:0]
	warned := c.warned[:0]
	for _, p := range c.node.Peers() {
		if hb := c.notices.of(now, p); hb != nil {
			p.Stated, p.Target = hb.Stated, hb.Target
			warned = append(warned, change{hb.Name, hb.Meta, hb.Phase == confirm.Leaving})
		}
		p.Seq = 0 // what it says counts, not when
		said = append(said, p)
	}
	c.said, c.warned = said, warned
	news := c.met.update(now, said)
	if target := c.node.Target().ID; news || target != c.heading || !slices.Equal(said, c.answered) {
		c.heading, c.answered = target, append(c.answered[:0], said...)
		expect := c.expected(warned) // first: it finds out which view the others speak of
		c.others = gate.Others{Hold: c.held(said), Expect: expect}
	}
	return c.others
}

// held returns the buckets that others may be letting flows into: a node holds no
// more than what both the view that it states and the one that it heads for give
// it, and says so only when it has let go of the rest (confirm, rule 2). Of a view
// that cannot be resolved, that may be everything. Of a peer just met, or that has just
// stated its view, nobody knows since when it heads for what it does: until then it held
// all that its stated view gives it, and has answered what this node may have parked.
func (c *Confirmation) held(said []confirm.PeerViews) (all confirm.Buckets) {
	for _, p := range said {
		its := c.given(p.Stated, p.Name)
		if !c.met[p.Name].fresh {
			its = its.Intersect(c.given(p.Target, p.Name))
		}
		all = all.Union(its)
	}
	return all
}

// change is what a node will be like by its notice.
type change struct {
	name, meta string
	leaves     bool
}

// hasWarned tells whether a node is about to let go of buckets, by its notice.
func (c *Confirmation) hasWarned(name string) bool {
	return slices.ContainsFunc(c.warned, func(w change) bool { return w.name == name })
}

// expected returns what this node will head for when what others have given notice
// of has come to pass: that they have gone, or have other weights.
func (c *Confirmation) expected(warned []change) confirm.Buckets {
	members, changed := changedBy(c.node.Target().Members, warned)
	if !changed || len(members) == 0 {
		return confirm.Buckets{}
	}
	v := confirm.NewView(members)
	c.division(v)
	return c.given(v.ID, c.self)
}

// changedBy returns members as they will be, and whether that is anything new.
func changedBy(members []confirm.Member, warned []change) (next []confirm.Member, changed bool) {
	for _, m := range members {
		i := slices.IndexFunc(warned, func(w change) bool { return w.name == m.Name })
		switch {
		case i < 0:
		case warned[i].leaves:
			changed = true
			continue
		case warned[i].meta != m.Meta:
			m.Meta, changed = warned[i].meta, true
		}
		next = append(next, m)
	}
	return next, changed
}

// calm is how long a view must have lasted until it is worth working out what
// follows it.
const calm = 2 * time.Second

// foresee works out beforehand what this node gets when another one goes, one node
// at a time, so that a notice finds it done.
func (c *Confirmation) foresee(now confirm.Time) {
	target := c.node.Target()
	if target.ID != c.foreseen.target {
		c.foreseen.target, c.foreseen.since, c.foreseen.members = target.ID, now, 0
	}
	if now.Sub(c.foreseen.since) >= calm && c.foreseen.members < len(target.Members) {
		c.expected([]change{{name: target.Members[c.foreseen.members].Name, leaves: true}})
		c.foreseen.members++
	}
}

// given returns what a view gives to a node.
func (c *Confirmation) given(id confirm.ViewID, name string) confirm.Buckets {
	if id == 0 {
		return confirm.Buckets{}
	}
	d := c.divisions[id]
	if d == nil {
		return c.everything
	}
	key := portion{id, name}
	buckets, known := c.portions[key]
	if !known {
		buckets = d.Of(name, c.ids)
		c.portions[key] = buckets
	}
	return buckets
}

// portion is what a view gives to a node.
type portion struct {
	view confirm.ViewID
	node string
}
