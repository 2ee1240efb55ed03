package confirm

import "time"

// Time is an instant on the node's own CLOCK_BOOTTIME, in nanoseconds since any
// fixed origin. The daemon uses the clock's own origin, so that a deadline can
// be written into the kernel's map as it is. Zero is before every instant that
// a Node is told, and as a deadline it means fenced.
type Time int64

// Add returns the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the span from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }
