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
	if span == 0 {
		return
	}
	if l.life.state != console.Up && l.life.state != console.Starting {
		l.app.rising = time.Time{}
	} else if l.life.state == console.Starting || l.app.rising.IsZero() {
		l.app.rising = now // grows from when it is up
	}
	percent := 100
	if !l.app.rising.IsZero() {
		step := int(now.Sub(l.app.rising) * slowSteps / span)
		percent = min(100, (step+1)*100/slowSteps)
	}
	for _, r := range l.cfg.Rules {
		l.weights.scale(reasonSlow, r.Name, uint8(percent))
	}
}
