package farm

import (
	"sync/atomic"

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
	clock  func() int64 // ns of CLOCK_BOOTTIME; asked once a step at most
	lot    *pipeline.Lot

	table *pipeline.Table // of this step
	now   int64           // in this step; 0 if the clock was not asked yet

	counters pipeline.Counters
	reasons  [xsk.BatchSize]pipeline.Reason
}

var _ xsk.Handler = (*handler)(nil)

// newHandler judges by what tables holds when a step begins.
func newHandler(tables *atomic.Pointer[pipeline.Table]) handler {
	return handler{tables: tables, clock: bootNow, lot: pipeline.NewLot(pipeline.LotSlots)}
}

// Begin takes the table of the step. What is parked was judged by the one
// before, so that another one is a reason to judge it again.
func (h *handler) Begin() {
	h.now = 0
	if table := h.tables.Load(); table != h.table {
		h.table = table
		h.lot.Review()
	}
}

// Waiting tells whether packets are parked.
func (h *handler) Waiting() bool { return h.lot.Len() > 0 }

// Release hands out the next parked packet that may go to the stack now.
func (h *handler) Release(frame []byte) int {
	n := h.lot.Release(h.table, h.time(), frame)
	if n > 0 {
		h.table.Deliver(frame[:n])
	}
	return n
}

// Handle judges a batch.
func (h *handler) Handle(b *xsk.Batch) {
	reasons := h.reasons[:len(b.Frames)]
	h.table.JudgeBatch(b.Frames, reasons)
	h.act(b, reasons)
	h.counters.Add(reasons)
}

// act does what the reasons say, and puts into reasons what became of the
// packets that were to be parked.
func (h *handler) act(b *xsk.Batch, reasons []pipeline.Reason) {
	for i, r := range reasons {
		switch r.Verdict() {
		case pipeline.Accept:
			h.table.Deliver(b.Frames[i])
			b.Pass[i] = true
		case pipeline.Hold:
			reasons[i] = h.lot.Park(b.Frames[i], b.Metas[i], h.time())
		}
	}
}

// time is the time of the step. Asking for it is a system call, and most steps
// do not need it.
func (h *handler) time() int64 {
	if h.now == 0 {
		h.now = h.clock()
	}
	return h.now
}
