package pipeline

import "sync/atomic"

// Counters counts frames by reason. One queue writes, anyone may read.
type Counters struct{ n [ReasonLen]atomic.Uint64 }

// Add counts a batch: one atomic step for each reason that occurs in it, not
// for each frame.
func (c *Counters) Add(reasons []Reason) {
	var batch [ReasonLen]uint64
	for _, r := range reasons {
		batch[r]++
	}
	for r, n := range batch {
		if n > 0 {
			c.n[r].Add(n)
		}
	}
}

// Count counts one frame.
func (c *Counters) Count(r Reason) { c.n[r].Add(1) }

// AddTo adds the counts so far to sum, which is indexed by Reason.
func (c *Counters) AddTo(sum *[ReasonLen]uint64) {
	for r := range c.n {
		sum[r] += c.n[r].Load()
	}
}
