package arp

import "time"

// tokenBucket lets a number of things through per second, and a burst of them
// after a pause. Time is passed in, and must not run backwards.
type tokenBucket struct {
	perSecond float64
	burst     float64
	tokens    float64
	last      time.Time
}

// newTokenBucket starts full at its first take.
func newTokenBucket(perSecond, burst float64) *tokenBucket {
	return &tokenBucket{perSecond: perSecond, burst: burst, tokens: burst}
}

// take tells whether one more thing may happen at now, and counts it if so.
func (b *tokenBucket) take(now time.Time) bool {
	if !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.perSecond)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
