package arp

import (
	"hash/maphash"
	"time"

	"thresher/config"
)

// How many answers leave at most. A segment with 1,000 clients that all lose
// their entry at once is answered within a second; a flood of requests costs no
// more than this in frames sent. A quarter of it is what one machine gets, so that
// one that asks without end does not leave the others without an answer.
const (
	answersPerSecond = 1000
	answersBurst     = 200

	answersPerAsker      = answersPerSecond / 4
	answersBurstPerAsker = answersBurst / 4
)

// askers is by how many numbers machines are told apart: their addresses are forged
// easily, so that none must cost memory.
const askers = 64

// limiter lets answers through, in all and to each machine.
type limiter struct {
	all  *tokenBucket
	each [askers]*tokenBucket
	seed maphash.Seed // nobody chooses whom he shares a number with
}

func newLimiter() *limiter {
	l := &limiter{all: newTokenBucket(answersPerSecond, answersBurst), seed: maphash.MakeSeed()}
	for i := range l.each {
		l.each[i] = newTokenBucket(answersPerAsker, answersBurstPerAsker)
	}
	return l
}

// take tells whether one more answer may go to the machine at now, and counts it
// if so. What one gets no more of, it takes from nobody else.
func (l *limiter) take(asker config.MAC, now time.Time) bool {
	return l.each[l.number(asker)].take(now) && l.all.take(now)
}

func (l *limiter) number(asker config.MAC) uint64 {
	return maphash.Bytes(l.seed, asker[:]) % askers
}

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
