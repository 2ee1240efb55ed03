package farm

import (
	"context"
	"errors"
	"log/slog"

	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// gate makes the packet path let in what the confirmation's leases say. It
// belongs to the confirmation's goroutine.
type gate struct {
	datapath *datapath
	ids      []confirm.RuleID // of the rules in order; the last is ICMP echo's

	log *slog.Logger

	lease     confirm.Lease
	unflushed bool // a queue may still let in what a former lease let in
	unsettled confirm.Buckets
}

// set carries a lease out. When it returns, nothing that the lease before let in
// and this one does not can reach the stack any more.
func (g *gate) set(l confirm.Lease) error {
	g.lease = l
	if l.Moved && !l.Shrunk && !g.unflushed {
		// What was confirmed stays so: the deadline first, so that what is parked
		// finds it when the new share lets it go.
		return errors.Join(g.datapath.lease(int64(l.Deadline)), g.apply())
	}
	if l.Moved {
		if err := g.apply(); err != nil {
			return err
		}
	}
	g.unflushed = g.unflushed || l.Shrunk
	if g.unflushed && !g.flush() {
		return g.datapath.lease(0)
	}
	return g.datapath.lease(int64(l.Deadline))
}

// flush waits for the queues to be done with what they judged by former shares. If
// one does not come to that, since its thread gets no time, nothing at all may be
// let in: the end of the lease is enforced behind the queues too.
func (g *gate) flush() bool {
	err := g.datapath.flush(context.Background())
	if err != nil {
		g.log.Warn("no new flow is let in until the packet path has come to rest", "err", err)
	}
	g.unflushed = err != nil
	return err == nil
}

// apply makes the packet path judge by the sets as they are now.
func (g *gate) apply() error { return g.datapath.apply(g.share()) }

// share is what the packet path must know: into which buckets flows may enter,
// which are on ask, which are unsettled.
func (g *gate) share() *pipeline.Share {
	ask := g.lease.Target.Minus(g.lease.Confirmed)
	type key struct{ mine, ask, unsettled *confirm.Bitmap }
	known := make(map[key]*pipeline.Part)
	var parts []*pipeline.Part
	for _, id := range g.ids {
		k := key{g.lease.Confirmed.Of(id), ask.Of(id), g.unsettled.Of(id)}
		if known[k] == nil {
			known[k] = &pipeline.Part{Mine: bitsOf(k.mine), Ask: bitsOf(k.ask), Unsettled: bitsOf(k.unsettled)}
		}
		parts = append(parts, known[k])
	}
	last := len(parts) - 1
	return &pipeline.Share{Rules: parts[:last:last], Echo: parts[last]}
}

// bitsOf is a bitmap in the pipeline's form; nil is the empty set.
func bitsOf(b *confirm.Bitmap) (bits pipeline.Bits) {
	if b != nil {
		copy(bits[:], b.Words())
	}
	return bits
}
