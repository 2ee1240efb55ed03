package confirmation

import (
	"fmt"
	"slices"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/farm/division"
	"thresher/farm/gate"
	"thresher/farm/reach"
	"thresher/pipeline"
)

// routing makes routes, when what they depend on has changed. It belongs to the
// confirmation's goroutine.
type routing struct {
	reaches *reach.Others
	kept    confirm.Buckets // of rules whose clients are kept: who has one, only he knows

	now       *gate.Routes
	version   uint64
	views     [2]confirm.ViewID
	said      []confirm.PeerViews
	warned    []change
	unsettled confirm.Buckets
}

// newRouting is nil where no VIP is, or was, in mode directed.
func newRouting(cfg *config.Config, c *Confirmation) *routing {
	if !slices.Contains(c.rules.Directed, true) {
		return nil
	}
	kept := make(map[confirm.RuleID]*confirm.Bitmap)
	for i, rule := range cfg.Rules {
		if rule.Sticky > 0 {
			kept[c.ids[i]] = c.everything.Of(c.ids[i])
		}
	}
	return &routing{reaches: reach.New(cfg.Node, c.given, c.everything), kept: confirm.BucketsOf(kept)}
}

// route returns the routes by what is known now: the same ones for as long as that
// is the same. said and warned must be up to date (around).
func (c *Confirmation) route(now confirm.Time) *gate.Routes {
	r := c.routing
	if r == nil {
		return nil
	}
	r.reaches.Expire(now)
	views := [2]confirm.ViewID{c.node.Stated().ID, c.node.Target().ID}
	if r.now != nil && r.version == r.reaches.Version() && r.views == views && slices.Equal(r.said, c.said) &&
		slices.Equal(r.warned, c.warned) && r.unsettled.Equal(c.settling.unsettled) {
		return r.now
	}
	r.version, r.views, r.unsettled = r.reaches.Version(), views, c.settling.unsettled
	r.said, r.warned = append(r.said[:0], c.said...), append(r.warned[:0], c.warned...)
	if next := c.makeRoutes(); r.now == nil || !next.Equal(r.now) {
		r.now = next
	}
	return r.now
}

// makeRoutes gives a bucket to one node where every view gives it to the same one
// that somebody goes by, and no other has flows in it. Where it does not, all nodes
// get copies, and each judges its own.
func (c *Confirmation) makeRoutes() *gate.Routes {
	names, macs := c.routing.reaches.Reached()
	made := &gate.Routes{Nodes: macs, Owners: make([]*pipeline.Owners, len(c.ids))}
	divisions := c.goneBy()
	if len(divisions) == 0 {
		return made
	}
	abroad := c.routing.reaches.Abroad(c.node.Stated().ID).Union(c.settling.unsettled).Union(c.routing.kept)
	numbers := make([][256]uint8, len(divisions))
	for i, d := range divisions {
		numbers[i] = c.numbers(d, names)
	}
	known := make(map[string]*pipeline.Owners)
	for i, id := range c.ids {
		tables := make([]*cluster.Table, len(divisions))
		for j, d := range divisions {
			tables[j] = d.Tables[i]
		}
		key := fmt.Sprintf("%p %v", abroad.Of(id), tables) // all of them pointers
		if known[key] == nil {
			known[key] = ownersOf(tables, numbers, gate.BitsOf(abroad.Of(id)))
		}
		made.Owners[i] = known[key]
	}
	return made
}

// goneBy are the divisions that some node goes by, this one's first; none if one of
// them is not known, or this node has none.
func (c *Confirmation) goneBy() (divisions []*division.Division) {
	views := []confirm.ViewID{c.node.Stated().ID, c.node.Target().ID}
	if slices.Contains(views, 0) {
		return nil
	}
	for _, p := range c.said {
		for _, id := range []confirm.ViewID{p.Stated, p.Target} {
			if id != 0 {
				views = append(views, id)
			}
		}
	}
	var seen []confirm.ViewID
	for _, id := range views {
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		d := c.divisions[id]
		if d == nil {
			return nil
		}
		divisions = append(divisions, d)
	}
	return divisions
}

// numbers says by a division's number of each node where its packets go.
func (c *Confirmation) numbers(d *division.Division, names []string) (numbers [256]uint8) {
	for i := range numbers {
		numbers[i] = pipeline.AllNodes
	}
	numbers[cluster.NoOwner] = pipeline.ThisNode // nobody's: dropped here
	for i, node := range d.View.Nodes {
		number, found := slices.BinarySearch(names, node.Name)
		switch {
		case node.Name == c.self:
			numbers[i] = pipeline.ThisNode
		case found && c.hasWarned(node.Name):
			numbers[i] = uint8(number) | pipeline.InDoubt
		case found:
			numbers[i] = uint8(number)
		}
	}
	return numbers
}

// ownersOf is where the packets of each bucket go, by tables of one rule.
func ownersOf(tables []*cluster.Table, numbers [][256]uint8, abroad pipeline.Bits) *pipeline.Owners {
	owners := &pipeline.Owners{}
	for b := range owners {
		owner := numbers[0][tables[0][b]]
		for i := 1; i < len(tables); i++ {
			if numbers[i][tables[i][b]]&^pipeline.InDoubt != owner&^pipeline.InDoubt {
				owner |= pipeline.InDoubt
			}
		}
		if abroad.Has(uint16(b)) {
			owner |= pipeline.InDoubt
		}
		owners[b] = owner
	}
	return owners
}
