package xsk

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Stats are an AF_XDP socket's counters since it was opened, as the kernel has them
// (struct xdp_statistics, include/uapi/linux/if_xdp.h).
type Stats struct {
	// RxDropped frames were too long for a frame of the memory, or came while
	// the kernel was out of its own.
	RxDropped uint64
	// RxInvalidDescs and TxInvalidDescs are descriptors that the kernel refused.
	RxInvalidDescs, TxInvalidDescs uint64
	// RxRingFull frames were dropped because they were not taken fast enough.
	RxRingFull uint64
	// RxFillRingEmptyDescs frames were dropped for want of a free frame.
	RxFillRingEmptyDescs uint64
	// TxRingEmptyDescs is how often the kernel looked for something to send in vain.
	TxRingEmptyDescs uint64
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	s.RxDropped += o.RxDropped
	s.RxInvalidDescs += o.RxInvalidDescs
	s.TxInvalidDescs += o.TxInvalidDescs
	s.RxRingFull += o.RxRingFull
	s.RxFillRingEmptyDescs += o.RxFillRingEmptyDescs
	s.TxRingEmptyDescs += o.TxRingEmptyDescs
}

// Stats returns the receiving socket's counters; anyone may call it. Those of a queue
// that is closed stay as they were then.
func (q *Queue) Stats() Stats { return q.stats.read() }

// socketStats asks the kernel for a socket's counters while it is open. It may be used by
// many goroutines.
type socketStats struct {
	mu   sync.Mutex
	fd   int // 0 before the socket is open, and afterwards
	last Stats
}

func (s *socketStats) open(fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fd = fd
}

// close reads them for the last time. To be called before the socket is closed.
func (s *socketStats) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	s.fd = 0
}

func (s *socketStats) read() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	return s.last
}

// refresh leaves them as they are if the kernel does not answer, which it does for every
// socket of this kind. The caller holds the lock.
func (s *socketStats) refresh() {
	var now unix.XDPStatistics
	if s.fd == 0 || getsockopt(s.fd, unix.XDP_STATISTICS, &now) != nil {
		return
	}
	s.last = Stats{
		RxDropped:            now.Rx_dropped,
		RxInvalidDescs:       now.Rx_invalid_descs,
		TxInvalidDescs:       now.Tx_invalid_descs,
		RxRingFull:           now.Rx_ring_full,
		RxFillRingEmptyDescs: now.Rx_fill_ring_empty_descs,
		TxRingEmptyDescs:     now.Tx_ring_empty_descs,
	}
}
