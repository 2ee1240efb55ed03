package xsk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
)

// BatchSize is how many frames a queue handles at once at most.
const BatchSize = 64

// waitTimeout is how long an idle queue sleeps, in milliseconds: within it, it
// notices that it is to stop and looks at its statistics.
const waitTimeout = 100

// retryTimeout is how long a queue sleeps while the stack has not taken all
// that it sent, in milliseconds.
const retryTimeout = 1

// spins is how often a queue that has just handled packets looks again before it
// sleeps: for some microseconds, which is what being woken costs. A queue that
// has slept and found nothing sleeps again at once, so that an idle node costs
// nothing.
const spins = 200

// statsEvery is how many batches a busy queue handles between two looks at its
// statistics: 65,536 packets at most.
const statsEvery = 1024

// Handler judges a batch: it sets pass[i] where frames[i] is to go to the
// stack. The frames are its own to read and change until it returns.
type Handler func(frames [][]byte, pass []bool)

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
}

// Queue carries one queue's packets from the interface to the stack.
type Queue struct {
	options  QueueOptions
	rx       *Receiver
	tx       *transmitter
	zeroCopy bool

	stats atomic.Pointer[Stats]

	frames [][]byte
	pass   []bool
}

// OpenQueue binds the queue and gives the kernel frames to receive into. Nothing
// arrives before the queue is registered with a Program.
func OpenQueue(o QueueOptions) (*Queue, error) {
	q := &Queue{
		options: o,
		frames:  make([][]byte, 0, BatchSize),
		pass:    make([]bool, BatchSize),
	}
	if err := q.open(); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

func (q *Queue) open() (err error) {
	if q.rx, err = openReceiver(q.options.Interface, q.options.Queue, q.options.Memory); err != nil {
		return err
	}
	if q.zeroCopy, err = q.rx.zeroCopy(); err != nil {
		return err
	}
	q.rx.refill()
	q.tx, err = openTransmitter(q.options.Stack, q.options.Queue, q.rx.area, q.options.Memory)
	return err
}

// ZeroCopy tells whether the driver receives straight into our memory.
func (q *Queue) ZeroCopy() bool { return q.zeroCopy }

// Run carries packets until ctx is done, on an operating system thread of its
// own. It is to be called once.
func (q *Queue) Run(ctx context.Context, handle Handler) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spin := 0
	for batch := 0; ctx.Err() == nil; batch++ {
		n, err := q.step(handle)
		if err == nil && batch%statsEvery == 0 {
			err = q.readStats()
		}
		switch {
		case err != nil:
			return fmt.Errorf("queue %d: %w", q.options.Queue, err)
		case n > 0:
			spin = spins
		case spin > 0:
			spin--
		default:
			if err := q.idle(); err != nil {
				return fmt.Errorf("queue %d: %w", q.options.Queue, err)
			}
		}
	}
	return nil
}

// step handles one batch and returns its size. Frames come back from the stack
// and go to the kernel before new ones are looked at, so that reception does
// not run dry behind a slow batch.
func (q *Queue) step(handle Handler) (int, error) {
	q.tx.reap(q.rx.free)
	q.rx.refill()
	descs := q.rx.receive(BatchSize)
	q.frames = q.frames[:0]
	for _, d := range descs {
		q.frames = append(q.frames, q.rx.frame(d))
	}
	if len(descs) > 0 {
		clear(q.pass)
		handle(q.frames, q.pass[:len(descs)])
	}
	for i, d := range descs {
		if q.pass[i] {
			q.tx.send(d.Addr, d.Len)
		} else {
			q.rx.free.put(d.Addr)
		}
	}
	return len(descs), q.tx.kick()
}

// idle refreshes the statistics and sleeps until something arrives.
func (q *Queue) idle() error {
	if err := q.readStats(); err != nil {
		return err
	}
	if q.tx.pending() > 0 {
		return q.rx.wait(retryTimeout)
	}
	return q.rx.wait(waitTimeout)
}

// Close gives up both sockets. Run must have returned.
func (q *Queue) Close() error {
	var errs []error
	if q.tx != nil {
		errs = append(errs, q.tx.close())
	}
	if q.rx != nil {
		errs = append(errs, q.rx.close())
	}
	return errors.Join(errs...)
}
