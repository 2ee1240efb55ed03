package traffic

import (
	"context"
	"sync"
	"time"
)

// paceTick is how often paced looks what is due: short enough that a burst is a
// few calls.
const paceTick = 2 * time.Millisecond

// paced calls do for 0 to n-1, each in a goroutine of its own, at a rate in a
// second, and returns when all have returned. It keeps the rate on average, by the
// time that has passed, so that a late wake-up is made up for. A context that ends
// begins no more calls.
func paced(ctx context.Context, n, rate int, do func(i int)) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(paceTick)
	defer tick.Stop()
	start := time.Now()
	for begun := 0; begun < n; {
		due := int(time.Since(start).Seconds()*float64(rate)) + 1
		for ; begun < min(due, n); begun++ {
			i := begun
			running.Go(func() { do(i) })
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
