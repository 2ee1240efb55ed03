package xsk

import (
	"sync"
	"testing"
)

// The kernel's counters are those of the moment, with nobody at the queue, and the last
// ones stay when it is closed, also for who asks meanwhile.
func TestStatsAreTheKernels(t *testing.T) {
	w := newWire(t, 1)
	q := readyQueue(t, w)
	if s := q.Stats(); s != (Stats{}) {
		t.Errorf("at first %+v", s)
	}
	send := w.sender(t)
	for range q.options.Memory.Frames {
		send([]byte("more than the queue has frames for"))
	}
	eventually(t, "drops are counted", func() bool {
		s := q.Stats()
		return s.RxDropped+s.RxRingFull+s.RxFillRingEmptyDescs > 0
	})
	before := q.Stats()
	asking := make(chan struct{})
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for {
				q.Stats()
				select {
				case <-asking:
					return
				default:
				}
			}
		})
	}
	must(t, q.Close())
	close(asking)
	askers.Wait()
	after := q.Stats()
	if after.RxDropped < before.RxDropped || after.RxRingFull < before.RxRingFull || after.RxFillRingEmptyDescs < before.RxFillRingEmptyDescs {
		t.Errorf("%+v, and after the end %+v", before, after)
	}
}

// waits is a handler that keeps a packet, so that its queue does not sleep for long.
type waits struct{ passAll }

func (*waits) Waiting() bool { return true }

// A queue that goes to sleep asks for no counters, and allocates nothing.
func TestGoingToSleepAllocatesNothing(t *testing.T) {
	w := newWire(t, 1)
	q, h := readyQueue(t, w), new(waits)
	if n := testing.AllocsPerRun(10, func() { must(t, q.idle(h)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
