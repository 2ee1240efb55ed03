package farm

import (
	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// gate makes the packet path let in what the confirmation's leases say. It
// belongs to the confirmation's goroutine.
type gate struct {
	datapath *datapath
	ids      []confirm.RuleID // of the rules in order; the last is ICMP echo's

	lease     confirm.Lease
	unsettled confirm.Buckets
}

// set carries a lease out. When it returns, nothing that the lease before let in
// and this one does not can reach the stack any more.
func (g *gate) set(l confirm.Lease) error {
	g.lease = l
	if l.Moved {
		if err := g.apply(); err != nil {
			return err
		}
	}
	return g.datapath.lease(int64(l.Deadline))
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
