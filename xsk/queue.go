package xsk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"thresher/config"
)

// BatchSize is how many frames a queue handles at once at most.
const BatchSize = 64

// How long an idle queue sleeps at most, in milliseconds. While the kernel has all
// frames to receive into that it can have, the next packet wakes the queue, and
// nothing else need: every sleep of a goroutine in a system call keeps Go's sysmon
// thread awake for some 10 ms (runtime.retake), which cost an idle node more than
// all else when queues looked around ten times a second. While frames are still
// with the stack, the queue comes back for them.
const (
	forEver     = -1
	waitTimeout = 100
)

// retryTimeout is how long a queue sleeps while the stack has not taken all
// that it sent, or its handler keeps packets, in milliseconds.
const retryTimeout = 1

// spins is how often a queue that has just handled packets looks again before it
// sleeps: for some microseconds, which is what being woken costs. A queue that
// has slept and found nothing sleeps again at once, so that an idle node costs
// nothing.
const spins = 200

// QueueOptions say which queue to bind and where its accepted frames go.
type QueueOptions struct {
	// Interface is the index of the interface that receives.
	Interface int
	// Stack is the index of the interface that leads to the stack: Stack.In.
	Stack int
	// Queue is the number of the queue on both.
	Queue int
	// Memory is how the packet memory is cut up.
	Memory MemoryOptions
	// ZeroCopy says whether the driver is to receive straight into that memory. The
	// zero value is as config.ZeroCopyAuto.
	ZeroCopy config.ZeroCopy
	// Driver is the interface's, as ethtool names it, for what is said of it.
	Driver string
	// Glance has OpenQueue not wait for a queue that another socket has. The attempt
	// keeps its memory all the same: Probe tells when another one is worth while.
	Glance bool

	// ownRings has the receiving socket on our own ring steps, which it is on anyway
	// where asavie/xdp's cannot be put in order.
	ownRings bool
}

func (o QueueOptions) patience() time.Duration {
	if o.Glance {
		return 0
	}
	return bindPatience
}

// Queue carries one queue's packets from the interface to the stack.
type Queue struct {
	options  QueueOptions
	rx       *Receiver
	tx       *transmitter
	bell     bell // ends Run's sleep
	zeroCopy bool

	stats socketStats
	epoch epoch
	batch Batch
}

// OpenQueue binds the queue and gives the kernel frames to receive into. Nothing
// arrives before the queue is registered with a Program.
func OpenQueue(o QueueOptions) (*Queue, error) {
	q := &Queue{options: o, batch: newBatch(), bell: bell{-1}}
	if err := q.open(); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

func (q *Queue) open() (err error) {
	if q.bell, err = newBell(); err != nil {
		return err
	}
	if q.rx, err = openReceiver(q.options); err != nil {
		return err
	}
	q.stats.open(q.rx.fd())
	if q.zeroCopy, err = q.rx.zeroCopy(); err != nil {
		return err
	}
	q.rx.refill()
	q.tx, err = openTransmitter(q.options, q.rx.area)
	return err
}

// ZeroCopy tells whether the driver receives straight into our memory.
func (q *Queue) ZeroCopy() bool { return q.zeroCopy }

// Mark returns a mark for Passed. Anyone may call it.
func (q *Queue) Mark() Mark { return q.epoch.mark() }

// Passed tells whether the queue has passed the moment when Mark was called: the
// steps that had begun then are over, and the kernel has taken over what they
// sent to the stack. So a state that was replaced before Mark, and that the
// handler loads in Begin, lets nothing in any more. A queue that sleeps passes at
// once. Anyone may call it.
func (q *Queue) Passed(m Mark) bool { return q.epoch.passed(m) }

// Run carries packets until ctx is done, on an operating system thread of its
// own. It is to be called once. What the handler keeps then is lost.
func (q *Queue) Run(ctx context.Context, h Handler) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer q.epoch.leave() // nothing is sent any more, not even what is pending
	defer q.bell.ringWhenDone(ctx)()
	spin := 0
	for ctx.Err() == nil {
		n, err := q.step(h)
		switch {
		case err != nil:
			return fmt.Errorf("queue %d: %w", q.options.Queue, err)
		case n > 0:
			spin = spins
		case spin > 0:
			spin--
		default:
			if err := q.idle(h); err != nil {
				return fmt.Errorf("queue %d: %w", q.options.Queue, err)
			}
		}
	}
	return nil
}

// step handles one batch and what the handler releases, and returns how many
// packets that were. Frames come back from the stack and go to the kernel before
// new ones are looked at, so that reception does not run dry behind a slow batch.
// What is released has waited longest and goes first.
func (q *Queue) step(h Handler) (n int, err error) {
	q.tx.reap(q.rx.free)
	q.rx.refill()
	descs := q.rx.receive(BatchSize)
	if len(descs) > 0 || h.Waiting() {
		q.epoch.enter()
		h.Begin()
		n = q.release(h)
	}
	q.batch.reset()
	for _, d := range descs {
		q.batch.add(q.rx.frame(d), q.rx.takeMeta(d))
	}
	if len(descs) > 0 {
		h.Handle(&q.batch)
	}
	for i, d := range descs {
		if q.batch.Pass[i] {
			q.tx.send(d.Addr, d.Len)
		} else {
			q.rx.free.put(d.Addr)
		}
	}
	if err := q.tx.kick(); err != nil {
		return 0, err
	}
	if q.tx.pending() == 0 {
		q.epoch.leave()
	}
	return n + len(descs), nil
}

// release sends what the handler kept and wants in the stack now, each packet in
// a free frame. It sends a batch at most, so that reception goes on meanwhile.
func (q *Queue) release(h Handler) (released int) {
	for released < BatchSize && h.Waiting() && q.rx.free.len() > 0 {
		addr := q.rx.free.take()
		n := h.Release(q.rx.empty(addr))
		if n == 0 {
			q.rx.free.put(addr)
			break
		}
		q.tx.send(addr+Headroom, uint32(n))
		released++
	}
	return released
}

// idle sleeps until something arrives or Run is to end.
func (q *Queue) idle(h Handler) error {
	if q.tx.pending() > 0 || h.Waiting() {
		return q.bell.sleep(q.rx.fd(), retryTimeout)
	}
	timeout := forEver
	if !q.rx.full() {
		timeout = waitTimeout
	}
	return q.bell.sleep(q.rx.fd(), timeout)
}

// Close gives up both sockets. Run must have returned.
func (q *Queue) Close() error {
	q.stats.close()
	errs := []error{q.bell.close()}
	if q.tx != nil {
		errs = append(errs, q.tx.close())
	}
	if q.rx != nil {
		errs = append(errs, q.rx.close())
	}
	return errors.Join(errs...)
}
