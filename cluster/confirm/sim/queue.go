package sim

import (
	"container/heap"
	"time"

	"thresher/cluster/confirm"
)

// event is something that happens at one instant of true time: a message
// arrives at a machine, a machine's time comes, or something else.
type event struct {
	at    int64
	order uint64 // keeps the order of events of one instant, for repeatability
	to    *machine
	msg   *message
	do    func()
}

// message is a heartbeat under way.
type message struct {
	from int
	sent int64
	hb   *confirm.Heartbeat
	open uint64 // the buckets that the sender let flows into then
}

// eventHeap orders events by time.
type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

// Pop is for package heap.
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}

// push queues an event.
func (w *world) push(e event) {
	w.order++
	e.order = w.order
	heap.Push(&w.queue, e)
}

// at does something later.
func (w *world) at(d time.Duration, do func()) { w.push(event{at: w.now + int64(d), do: do}) }

// runFor lets everything happen that happens in the next d, or until a violation.
func (w *world) runFor(d time.Duration) {
	end := w.now + int64(d)
	for len(w.queue) > 0 && w.queue[0].at <= end && w.report.Violation == nil {
		e := heap.Pop(&w.queue).(event)
		w.now = max(w.now, e.at)
		switch {
		case e.do != nil:
			e.do()
		case e.msg != nil:
			e.to.arrive(e.msg)
		default:
			e.to.timer()
		}
	}
	w.now = max(w.now, end)
}
