package farm

import (
	"sync/atomic"

	"thresher/farm/clock"
	"thresher/pipeline"
	"thresher/xsk"
)

// queue is one queue with what judges its packets.
type queue struct {
	*xsk.Queue
	handler
}

// handler judges one queue's packets by the table of the moment, and parks those
// that wait for a bucket.
type handler struct {
	tables *atomic.Pointer[pipeline.Table]
	// deadline is the node's lease, in nanoseconds of CLOCK_BOOTTIME.
	deadline *atomic.Int64
	// grant is until when clients of this node's may open flows in others' buckets.
	grant *atomic.Int64
	clock func() int64 // the present, on the same clock; asked once a step at most
	lot   *pipeline.Lot
	// fragments is the packet path's, for all queues.
	fragments *pipeline.Fragments
	// relay hands on what is other nodes'; nil where no VIP is in mode directed.
	relay *relay
	// tap gets copies of what was judged; nil for nobody.
	tap *tap

	table *pipeline.Table // of this step
	lease pipeline.Lease  // of this step; Now is 0 if the clock was not asked yet

	counters pipeline.Counters
	facts    [xsk.BatchSize]pipeline.Facts
	reasons  [xsk.BatchSize]pipeline.Reason
}

var _ xsk.Handler = (*handler)(nil)

// newHandler judges by what tables and deadline hold when a step begins.
func newHandler(tables *atomic.Pointer[pipeline.Table], deadline, grant *atomic.Int64, fragments *pipeline.Fragments) handler {
	return handler{
		tables: tables, deadline: deadline, grant: grant, clock: clock.Nanoseconds,
		lot: pipeline.NewLot(pipeline.LotSlots), fragments: fragments,
	}
}

// Begin takes the table and the lease of the step. What is parked was judged by
// those before, so that others are a reason to judge it again.
func (h *handler) Begin() {
	table, deadline, grant := h.tables.Load(), h.deadline.Load(), h.grant.Load()
	if table != h.table || deadline != h.lease.Deadline || grant != h.lease.Grant {
		h.lot.Review()
		h.fragments.Review()
	}
	h.table, h.lease = table, pipeline.Lease{Deadline: deadline, Grant: grant}
}

// Waiting tells whether packets are parked, or parts of datagrams wait, which any
// queue may release.
func (h *handler) Waiting() bool { return h.lot.Len() > 0 || h.fragments.Waiting() }

// Release hands out the next parked packet that may go to the stack now.
func (h *handler) Release(frame []byte) int {
	n := 0
	if h.lot.Len() > 0 {
		n = h.lot.Release(h.table, h.now(), frame)
	}
	if n == 0 {
		n = h.fragments.Release(h.table, h.now(), frame)
	}
	if n > 0 {
		h.table.Deliver(frame[:n])
	}
	return n
}

// Handle judges a batch.
func (h *handler) Handle(b *xsk.Batch) {
	reasons := h.reasons[:len(b.Frames)]
	for i, meta := range b.Metas {
		h.facts[i] = pipeline.ParseFacts(meta)
	}
	h.table.JudgeBatch(b.Frames, h.facts[:], h.now(), reasons)
	h.act(b, reasons)
	h.counters.Add(reasons)
	h.tap.batch(b.Frames, reasons)
}

// act does what the reasons say, and puts into reasons what became of the
// packets that were to be kept.
func (h *handler) act(b *xsk.Batch, reasons []pipeline.Reason) {
	for i, r := range reasons {
		if r == pipeline.Copied {
			h.relay.copy(h.table, b.Frames[i])
			r = h.table.Judge(b.Frames[i], h.facts[i], h.now())
			reasons[i] = r
		}
		if r == pipeline.Fragment {
			r = h.fragments.Take(h.table, b.Frames[i], h.facts[i], h.now())
			reasons[i] = r
		}
		switch {
		case r.Verdict() == pipeline.Accept:
			h.table.Deliver(b.Frames[i])
			b.Pass[i] = true
		case r == pipeline.Forwarded:
			h.relay.forward(h.table, b.Frames[i])
		case r == pipeline.Parked, r == pipeline.ParkedSticky:
			reasons[i] = h.hold(b.Frames[i], h.facts[i], r)
		}
	}
}

// hold parks a packet, or keeps it for another node, and returns what became of it.
func (h *handler) hold(frame []byte, facts pipeline.Facts, reason pipeline.Reason) pipeline.Reason {
	now := h.now().Now
	if h.table.Leaves(frame, facts) {
		return h.lot.Keep(h.table, frame, facts, now)
	}
	parked := h.lot.Park(frame, facts, now)
	if reason == pipeline.ParkedSticky && parked == pipeline.Parked {
		h.lot.Ask(frame)
		return reason
	}
	return parked
}

// now is the lease with the time of the step. Asking for that is a system call,
// and many steps do not need it.
func (h *handler) now() pipeline.Lease {
	if h.lease.Now == 0 {
		h.lease.Now = h.clock()
	}
	return h.lease
}
