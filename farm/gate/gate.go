// Package gate makes the packet path let in what the confirmation's leases say. It makes all
// shares and leases of the packet path; nothing else does.
//
// A Gate has no goroutine: it belongs to the confirmation's, which tells it of each lease and
// of what is around. What it must not let in it has taken back by the time that it returns;
// what it is late with, it only lets in later. Its order: a share that takes
// something away is swapped first, then the others get notice, then the kernel program and the
// queues come to rest, and the deadline comes last. Where nothing is taken away, the deadline
// comes before the share.
package gate

import (
	"context"
	"errors"
	"log/slog"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/pipeline"
)

// Gate makes the packet path let in what the confirmation's leases say, and tells
// it which buckets are unsettled. It belongs to the confirmation's goroutine.
type Gate struct {
	path  PacketPath
	ids   []confirm.RuleID // of the rules in order; the last is ICMP echo's
	log   *slog.Logger
	clock func() confirm.Time // CLOCK_BOOTTIME

	lease     confirm.Lease // with the deadline that is in force: 0 while queues do not come to rest
	granted   confirm.Time  // the deadline by the protocol
	unsettled confirm.Buckets
	// sticky are those in which others than the owner keep clients.
	sticky   confirm.Buckets
	others   Others
	released Released
	routes   *Routes // nil where no VIP is in mode directed
	// withheld are confirmed buckets whose former holders have not handed over
	// their half-open handshakes yet: they stay on ask, until patience ends.
	withheld  confirm.Buckets
	patience  confirm.Time
	gains     gains
	unflushed bool // a queue may still let in what a former lease let in
}

// PacketPath is what a gate is for.
type PacketPath interface {
	// Apply judges by a share from the next packet on. If that takes something
	// away, it calls taken, and returns when no packet in the kernel program is
	// judged by the share before.
	Apply(share *pipeline.Share, taken func()) error
	// Lease lets new flows in until a deadline on CLOCK_BOOTTIME, in nanoseconds.
	Lease(deadline int64) error
	// Flush returns when the queues are done with what they judged by shares before.
	Flush(ctx context.Context) error
}

// New is a gate of the rules with these ids, in order, the last of them ICMP echo's. It lets
// nothing in before it is told to. now is the time on CLOCK_BOOTTIME.
func New(path PacketPath, ids []confirm.RuleID, now func() confirm.Time, log *slog.Logger) *Gate {
	return &Gate{path: path, ids: ids, log: log, clock: now}
}

// InForce is the lease that was carried out last, with the deadline that is in force: 0 while
// queues do not come to rest.
func (g *Gate) InForce() confirm.Lease { return g.lease }

// Granted is that lease's deadline by the protocol.
func (g *Gate) Granted() confirm.Time { return g.granted }

// Withheld are confirmed buckets that are not let in yet, since handshakes may be half open
// in them that this node does not know of.
func (g *Gate) Withheld() confirm.Buckets { return g.withheld }

// Patience is until when buckets are withheld.
func (g *Gate) Patience() confirm.Time { return g.patience }

// Unsettled are the unsettled buckets as the packet path knows them.
func (g *Gate) Unsettled() confirm.Buckets { return g.unsettled }

// Sticky are the sticky-unsettled buckets as the packet path knows them.
func (g *Gate) Sticky() confirm.Buckets { return g.sticky }

// Enforce carries a lease out. When it returns, nothing that the lease before let in
// and this one does not can reach the stack any more. Before that, when no packet
// to come is let in by the lease before, taken is called if anything was taken.
func (g *Gate) Enforce(now confirm.Time, l confirm.Lease, s Surroundings, taken func()) error {
	if l.Moved {
		g.withhold(now, l.Confirmed.Minus(g.lease.Confirmed), l.Confirmed, s.HandedOver)
	}
	g.lease, g.granted = l, l.Deadline
	moved := g.look(s) || l.Moved
	if moved && !l.Shrunk && !g.unflushed {
		// What was confirmed stays so: the deadline first, so that what is parked
		// finds it when the new share lets it go.
		return errors.Join(g.path.Lease(int64(l.Deadline)), g.apply(taken))
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
	return g.path.Lease(int64(g.lease.Deadline))
}

// withhold keeps gained buckets on ask as long as handshakes may be half open in
// them that this node does not know of.
func (g *Gate) withhold(now confirm.Time, gained, confirmed confirm.Buckets, handedOver bool) {
	g.withheld = g.withheld.Intersect(confirmed)
	switch {
	case handedOver:
		g.withheld = confirm.Buckets{}
	case !gained.Empty():
		g.withheld = g.withheld.Union(gained)
		g.patience = now.Add(handover.ParkLimit)
	}
}

// Review lets in what was withheld, if the reason is gone, and takes over what is
// new around.
func (g *Gate) Review(now confirm.Time, s Surroundings) error {
	moved := g.look(s)
	if !g.withheld.Empty() && (s.HandedOver || now >= g.patience) {
		g.withheld, moved = confirm.Buckets{}, true
	}
	if !moved {
		return nil
	}
	return g.apply(func() {})
}

// Expect makes what others have let go of parked, before this node says that it has
// heard of it.
func (g *Gate) Expect(o Others) error {
	before := g.ask()
	g.others = o
	if g.ask().Equal(before) {
		return nil
	}
	return g.apply(func() {})
}

// look takes over what is around, and says whether the packet path must know.
func (g *Gate) look(s Surroundings) bool {
	before := g.ask()
	moved := !s.Unsettled.Equal(g.unsettled) || !s.Sticky.Equal(g.sticky) || s.Released.Number != g.released.Number || s.Routes != g.routes
	g.unsettled, g.sticky, g.others, g.released, g.routes = s.Unsettled, s.Sticky, s.Others, s.Released, s.Routes
	return moved || !g.ask().Equal(before)
}

// ask returns the buckets whose new flows are parked: those that this node is
// about to get. What another node may be letting in must not be parked: it has
// been answered when it is let go.
func (g *Gate) ask() confirm.Buckets {
	coming := g.lease.Target.Union(g.others.Expect).Minus(g.lease.Confirmed).Minus(g.others.Hold)
	return coming.Union(g.withheld)
}

// flush waits for the queues to be done with what they judged by former shares. If
// one does not come to that, since its thread gets no time, nothing at all may be
// let in: the end of the lease is enforced behind the queues too.
func (g *Gate) flush() bool {
	err := g.path.Flush(context.Background())
	if err != nil {
		g.log.Warn("no new flow is let in until the packet path has come to rest", "err", err)
	}
	g.unflushed = err != nil
	return err == nil
}

// apply makes the packet path judge by the sets as they are now.
func (g *Gate) apply(taken func()) error {
	ask := g.ask()
	g.gains.update(g.clock(), g.lease.Confirmed.Union(ask))
	return g.path.Apply(g.share(ask), taken)
}

// share is what the packet path must know: into which buckets flows may enter,
// which are on ask, which are unsettled, which were just released.
func (g *Gate) share(ask confirm.Buckets) *pipeline.Share {
	mine, gone := g.lease.Confirmed.Minus(g.withheld), g.released.Buckets
	type key struct {
		mine, ask, unsettled, sticky, gone, gained *confirm.Bitmap
		owners                                     *pipeline.Owners
	}
	known := make(map[key]*pipeline.Part)
	var parts []*pipeline.Part
	for i, id := range g.ids {
		k := key{mine.Of(id), ask.Of(id), g.unsettled.Of(id), g.sticky.Of(id), gone.Of(id), g.gains.buckets.Of(id), nil}
		if g.routes != nil {
			k.owners = g.routes.Owners[i]
		}
		if known[k] == nil {
			known[k] = &pipeline.Part{
				Mine: BitsOf(k.mine), Ask: BitsOf(k.ask), Unsettled: BitsOf(k.unsettled), Sticky: BitsOf(k.sticky), Released: BitsOf(k.gone),
				Gained: BitsOf(k.gained), Owners: k.owners,
			}
		}
		parts = append(parts, known[k])
	}
	last := len(parts) - 1
	share := &pipeline.Share{Rules: parts[:last:last], Echo: parts[last], Release: g.released.Number, GainedAt: int64(g.gains.at)}
	if g.routes != nil {
		share.Nodes = g.routes.Nodes
	}
	return share
}

// BitsOf is a bitmap in the pipeline's form; nil is the empty set.
func BitsOf(b *confirm.Bitmap) (bits pipeline.Bits) {
	if b != nil {
		copy(bits[:], b.Words())
	}
	return bits
}
