package check

import "time"

// maxStep keeps the runs that begin at one moment few.
const maxStep = 128 * time.Millisecond

// next is when the run after the one that begins now begins: an interval later, or up
// to its jitter sooner, as random in [0, 1) says.
func (p Params) next(now time.Time, random float64) time.Time {
	spread := time.Duration(float64(p.Interval) * p.Jitter)
	first := now.Add(p.Interval - spread)
	next := first.Add(time.Duration(float64(spread) * random))
	step := stepWithin(spread)
	if p.Grid.IsZero() || step == 0 {
		return next
	}
	shared := next.Add(-next.Sub(p.Grid) % step)
	if shared.Before(first) {
		shared = shared.Add(step) // within the interval, since a step is no more than the spread
	}
	return shared
}

// stepWithin is the grid's step for a check that may begin so much sooner; 0 if that is
// too little. Steps are powers of two, so that checks of all intervals meet.
func stepWithin(spread time.Duration) time.Duration {
	step := time.Duration(0)
	for s := time.Millisecond; s <= min(spread, maxStep); s *= 2 {
		step = s
	}
	return step
}
