package xsk

import "fmt"

// Stats are an AF_XDP socket's counters since it was opened. The last six are
// the kernel's own (struct xdp_statistics, include/uapi/linux/if_xdp.h).
type Stats struct {
	// Received is how many frames were taken from the receive ring.
	Received uint64
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
	s.Received += o.Received
	s.RxDropped += o.RxDropped
	s.RxInvalidDescs += o.RxInvalidDescs
	s.TxInvalidDescs += o.TxInvalidDescs
	s.RxRingFull += o.RxRingFull
	s.RxFillRingEmptyDescs += o.RxFillRingEmptyDescs
	s.TxRingEmptyDescs += o.TxRingEmptyDescs
}

// Stats returns the receiving socket's counters as they were when the queue was
// last idle; anyone may call it.
func (q *Queue) Stats() Stats {
	if s := q.stats.Load(); s != nil {
		return *s
	}
	return Stats{}
}

// readStats asks the kernel; only the queue's goroutine may.
func (q *Queue) readStats() error {
	s, err := q.rx.socket.Stats()
	if err != nil {
		return fmt.Errorf("read socket statistics: %w", err)
	}
	q.stats.Store(&Stats{
		Received:             s.Received,
		RxDropped:            s.KernelStats.Rx_dropped,
		RxInvalidDescs:       s.KernelStats.Rx_invalid_descs,
		TxInvalidDescs:       s.KernelStats.Tx_invalid_descs,
		RxRingFull:           s.KernelStats.Rx_ring_full,
		RxFillRingEmptyDescs: s.KernelStats.Rx_fill_ring_empty_descs,
		TxRingEmptyDescs:     s.KernelStats.Tx_ring_empty_descs,
	})
	return nil
}
