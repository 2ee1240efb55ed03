package xsk

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ring is one side of a ring that is shared with the kernel. The indexes run
// freely and wrap; the length of entries is a power of two.
type ring[T any] struct {
	producer *atomic.Uint32
	consumer *atomic.Uint32
	flags    *atomic.Uint32 // XDP_RING_NEED_WAKEUP
	entries  []T
	memory   []byte // the mapping below, for unmapping; nil in tests
}

func (r *ring[T]) at(index uint32) *T { return &r.entries[index&uint32(len(r.entries)-1)] }

// producerRing is a ring that we fill and the kernel empties.
type producerRing[T any] struct {
	ring[T]
	next uint32 // the index of the next entry to be written
}

// room is how many entries can be put before the ring is full.
func (r *producerRing[T]) room() int {
	return len(r.entries) - int(r.next-r.consumer.Load())
}

// put writes an entry that publish will show to the kernel. The caller has made
// sure that there is room.
func (r *producerRing[T]) put(v T) {
	*r.at(r.next) = v
	r.next++
}

// publish shows everything put so far to the kernel.
func (r *producerRing[T]) publish() { r.producer.Store(r.next) }

// pending is how many published entries the kernel has not taken yet.
func (r *producerRing[T]) pending() int { return int(r.producer.Load() - r.consumer.Load()) }

// sleeps tells whether the kernel takes entries only when it is woken by a
// system call.
func (r *producerRing[T]) sleeps() bool { return r.flags.Load()&unix.XDP_RING_NEED_WAKEUP != 0 }

// consumerRing is a ring that the kernel fills and we empty.
type consumerRing[T any] struct{ ring[T] }

// take moves up to len(dst) entries out of the ring and returns how many.
func (r *consumerRing[T]) take(dst []T) int {
	from := r.consumer.Load()
	n := min(int(r.producer.Load()-from), len(dst))
	for i := range n {
		dst[i] = *r.at(from + uint32(i))
	}
	r.consumer.Store(from + uint32(n))
	return n
}
