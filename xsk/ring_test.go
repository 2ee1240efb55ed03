package xsk

import (
	"math"
	"sync/atomic"
	"testing"
)

// newTestRing is a ring over Go memory whose indexes start just before they wrap.
func newTestRing(length int) ring[uint64] {
	r := ring[uint64]{producer: new(atomic.Uint32), consumer: new(atomic.Uint32), entries: make([]uint64, length)}
	r.producer.Store(math.MaxUint32 - 2)
	r.consumer.Store(math.MaxUint32 - 2)
	return r
}

func TestProducerFillsUntilFullAcrossWrap(t *testing.T) {
	p := producerRing[uint64]{ring: newTestRing(8), next: math.MaxUint32 - 2}
	for i := range uint64(8) {
		if room := p.room(); room != 8-int(i) {
			t.Fatalf("room is %d after %d entries", room, i)
		}
		p.put(i)
	}
	if p.room() != 0 || p.pending() != 0 {
		t.Fatalf("before publish: room %d, pending %d", p.room(), p.pending())
	}
	p.publish()
	if p.pending() != 8 {
		t.Fatalf("after publish: pending %d", p.pending())
	}
	p.consumer.Add(3)
	if p.room() != 3 || p.pending() != 5 {
		t.Errorf("kernel took 3: room %d, pending %d", p.room(), p.pending())
	}
}

func TestConsumerTakesInOrderAcrossWrap(t *testing.T) {
	c := consumerRing[uint64]{ring: newTestRing(8)}
	for i := range uint64(6) {
		*c.at(c.producer.Load()) = i
		c.producer.Add(1)
	}
	var got []uint64
	dst := make([]uint64, 4)
	for n := c.take(dst); n > 0; n = c.take(dst) {
		got = append(got, dst[:n]...)
	}
	for i, v := range got {
		if v != uint64(i) {
			t.Fatalf("got %v", got)
		}
	}
	if len(got) != 6 {
		t.Errorf("took %d of 6", len(got))
	}
}

func TestFreeListRoundsAddressesDown(t *testing.T) {
	l := newFreeList(4, 2048)
	seen := make(map[uint64]bool)
	for l.len() > 0 {
		seen[l.take()] = true
	}
	if len(seen) != 4 {
		t.Fatalf("took %v", seen)
	}
	l.put(2048 + 256)
	if got := l.take(); got != 2048 {
		t.Errorf("got %d, want 2048", got)
	}
}
