package xsk

import "sync/atomic"

// barrier orders plain loads and stores of memory that others share without Go's
// atomics: asavie/xdp's rings, and variables of the kernel program.
type barrier struct{ word atomic.Uint32 }

// full keeps every load and store before it on its side of every one after it. On
// arm64 a load with acquire waits for a store with release before it, what comes before
// waits for neither, and what comes after for both ("bob" in aarch64hwreqs.cat of
// herdtools7, after the Arm Architecture Reference Manual); on amd64 the store is an
// XCHG. A read-modify-write would do there, and on arm64 with LSE (LDADDAL), but not
// where it is a loop of LDAXR and STLXR: a load after the loop may overtake its store.
func (b *barrier) full() {
	b.word.Store(0)
	b.word.Load()
}
