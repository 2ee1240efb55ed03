package farm

import (
	"slices"
	"time"
)

// damper holds back a node that comes and goes, for longer each time: every
// coming back moves buckets, and clients with them.
type damper struct {
	comebacks []time.Time // those that still count
}

// The first coming back within the window is free, the second waits for the
// first hold, and each further one for twice as long as the one before it.
const (
	damperWindow    = 10 * time.Minute
	damperFirstHold = time.Second
	damperLongest   = time.Minute
)

// comeBack notes that the node could take part again, and returns how long it is
// to be held back.
func (d *damper) comeBack(now time.Time) time.Duration {
	d.comebacks = slices.DeleteFunc(d.comebacks, func(t time.Time) bool { return now.Sub(t) > damperWindow })
	d.comebacks = append(d.comebacks, now)
	hold := time.Duration(0)
	for range len(d.comebacks) - 1 {
		hold = min(damperLongest, max(damperFirstHold, 2*hold))
	}
	return hold
}
