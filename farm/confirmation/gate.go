package confirmation

import (
	"context"
	"errors"
	"log/slog"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/pipeline"
)

// gate makes the packet path let in what the confirmation's leases say, and tells
// it which buckets are unsettled. It belongs to the confirmation's goroutine.
type gate struct {
	datapath PacketPath
	ids      []confirm.RuleID // of the rules in order; the last is ICMP echo's
	log      *slog.Logger
	clock    func() confirm.Time // CLOCK_BOOTTIME

	lease     confirm.Lease // with the deadline that is in force: 0 while queues do not come to rest
	granted   confirm.Time  // the deadline by the protocol
	unsettled confirm.Buckets
	// sticky are those in which others than the owner keep clients.
	sticky   confirm.Buckets
	others   others
	released released
	routes   *routes // nil where no VIP is in mode directed
	// withheld are confirmed buckets whose former holders have not handed over
	// their half-open handshakes yet: they stay on ask, until patience ends.
	withheld  confirm.Buckets
	patience  confirm.Time
	gains     gains
	unflushed bool // a queue may still let in what a former lease let in
}

// surroundings are what the gate must know beside the lease.
type surroundings struct {
	// unsettled are the unsettled buckets.
	unsettled confirm.Buckets
	// sticky are the sticky-unsettled ones.
	sticky confirm.Buckets
	// others are what others hold, and what this node is about to get of that.
	others others
	// released is what this node has just let go of.
	released released
	// handedOver says whether all half-open handshakes of released buckets have
	// come. It counts only when buckets are gained or withheld.
	handedOver bool
	// routes are where packets go that are others'.
	routes *routes
}

// set carries a lease out. When it returns, nothing that the lease before let in
// and this one does not can reach the stack any more. Before that, when no packet
// to come is let in by the lease before, taken is called if anything was taken.
func (g *gate) set(now confirm.Time, l confirm.Lease, s surroundings, taken func()) error {
	if l.Moved {
		g.withhold(now, l.Confirmed.Minus(g.lease.Confirmed), l.Confirmed, s.handedOver)
	}
	g.lease, g.granted = l, l.Deadline
	moved := g.look(s) || l.Moved
	if moved && !l.Shrunk && !g.unflushed {
		// What was confirmed stays so: the deadline first, so that what is parked
		// finds it when the new share lets it go.
		return errors.Join(g.datapath.Lease(int64(l.Deadline)), g.apply(taken))
	}
	if moved {
		if err := g.apply(taken); err != nil {
			return err
		}
	}
	g.unflushed = g.unflushed || l.Shrunk
	if g.unflushed && !g.flush() {
		g.lease.Deadline = 0
	}
	return g.datapath.Lease(int64(g.lease.Deadline))
}

// withhold keeps gained buckets on ask as long as handshakes may be half open in
// them that this node does not know of.
func (g *gate) withhold(now confirm.Time, gained, confirmed confirm.Buckets, handedOver bool) {
	g.withheld = g.withheld.Intersect(confirmed)
	switch {
	case handedOver:
		g.withheld = confirm.Buckets{}
	case !gained.Empty():
		g.withheld = g.withheld.Union(gained)
		g.patience = now.Add(handover.ParkLimit)
	}
}

// review lets in what was withheld, if the reason is gone, and takes over what is
// new around.
func (g *gate) review(now confirm.Time, s surroundings) error {
	moved := g.look(s)
	if !g.withheld.Empty() && (s.handedOver || now >= g.patience) {
		g.withheld, moved = confirm.Buckets{}, true
	}
	if !moved {
		return nil
	}
	return g.apply(func() {})
}

// expect makes what others have let go of parked, before this node says that it has
// heard of it.
func (g *gate) expect(o others) error {
	before := g.ask()
	g.others = o
	if g.ask().Equal(before) {
		return nil
	}
	return g.apply(func() {})
}

// look takes over what is around, and says whether the packet path must know.
func (g *gate) look(s surroundings) bool {
	before := g.ask()
	moved := !s.unsettled.Equal(g.unsettled) || !s.sticky.Equal(g.sticky) || s.released.number != g.released.number || s.routes != g.routes
	g.unsettled, g.sticky, g.others, g.released, g.routes = s.unsettled, s.sticky, s.others, s.released, s.routes
	return moved || !g.ask().Equal(before)
}

// ask returns the buckets whose new flows are parked: those that this node is
// about to get. What another node may be letting in must not be parked: it has
// been answered when it is let go.
func (g *gate) ask() confirm.Buckets {
	coming := g.lease.Target.Union(g.others.expect).Minus(g.lease.Confirmed).Minus(g.others.hold)
	return coming.Union(g.withheld)
}

// flush waits for the queues to be done with what they judged by former shares. If
// one does not come to that, since its thread gets no time, nothing at all may be
// let in: the end of the lease is enforced behind the queues too.
func (g *gate) flush() bool {
	err := g.datapath.Flush(context.Background())
	if err != nil {
		g.log.Warn("no new flow is let in until the packet path has come to rest", "err", err)
	}
	g.unflushed = err != nil
	return err == nil
}

// apply makes the packet path judge by the sets as they are now.
func (g *gate) apply(taken func()) error {
	ask := g.ask()
	g.gains.update(g.clock(), g.lease.Confirmed.Union(ask))
	return g.datapath.Apply(g.share(ask), taken)
}

// share is what the packet path must know: into which buckets flows may enter,
// which are on ask, which are unsettled, which were just released.
func (g *gate) share(ask confirm.Buckets) *pipeline.Share {
	mine, gone := g.lease.Confirmed.Minus(g.withheld), g.released.buckets
	type key struct {
		mine, ask, unsettled, sticky, gone, gained *confirm.Bitmap
		owners                                     *pipeline.Owners
	}
	known := make(map[key]*pipeline.Part)
	var parts []*pipeline.Part
	for i, id := range g.ids {
		k := key{mine.Of(id), ask.Of(id), g.unsettled.Of(id), g.sticky.Of(id), gone.Of(id), g.gains.buckets.Of(id), nil}
		if g.routes != nil {
			k.owners = g.routes.owners[i]
		}
		if known[k] == nil {
			known[k] = &pipeline.Part{
				Mine: bitsOf(k.mine), Ask: bitsOf(k.ask), Unsettled: bitsOf(k.unsettled), Sticky: bitsOf(k.sticky), Released: bitsOf(k.gone),
				Gained: bitsOf(k.gained), Owners: k.owners,
			}
		}
		parts = append(parts, known[k])
	}
	last := len(parts) - 1
	share := &pipeline.Share{Rules: parts[:last:last], Echo: parts[last], Release: g.released.number, GainedAt: int64(g.gains.at)}
	if g.routes != nil {
		share.Nodes = g.routes.nodes
	}
	return share
}

// bitsOf is a bitmap in the pipeline's form; nil is the empty set.
func bitsOf(b *confirm.Bitmap) (bits pipeline.Bits) {
	if b != nil {
		copy(bits[:], b.Words())
	}
	return bits
}
