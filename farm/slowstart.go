package farm

import (
	"time"

	"thresher/console"
)

// reasonSlow is why rules have less than their weight on a node that has just come up.
const reasonSlow = "slow start"

// slowSteps is in how many steps a weight grows: each moves buckets.
const slowSteps = 10

// slowStart lets the weight grow since the node came up.
func (l *local) slowStart(now time.Time) {
	span := l.cfg.Life.SlowStart
	switch {
	case span == 0, l.life.state != console.Up && l.life.state != console.Starting:
		l.app.rising = time.Time{}
	case l.life.state == console.Starting || l.app.rising.IsZero():
		l.app.rising = now // grows from when it is up
	}
	percent := 100
	if !l.app.rising.IsZero() {
		step := max(0, int(now.Sub(l.app.rising)*slowSteps/span)) // the clock may have been set since
		percent = min(100, (step+1)*100/slowSteps)
	}
	for _, r := range l.cfg.Rules {
		l.weights.scale(reasonSlow, r.Name, uint8(percent))
	}
}

// resumeRise has the weight grow on since when it did in the process before this one. A
// node that is up, and whose weight did not grow there, has all of it.
func (l *local) resumeRise(now, rising time.Time) {
	if rising.IsZero() && l.life.state == console.Up {
		rising = now.Add(-l.cfg.Life.SlowStart)
	}
	l.app.rising = rising
}
