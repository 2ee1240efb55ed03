// Package timeline is what simulated farms happen on: events at their times, chance
// from a seed, and the first rule that was broken. A run depends on its seed alone.
package timeline

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"thresher/cluster/confirm"
)

// Line is one random run. It is not safe for concurrent use.
type Line struct {
	*rand.Rand
	// Now is the true time; it begins with one second.
	Now confirm.Time
	// Violation says which rule was broken, and when; empty for none.
	Violation string
	// Check, if set, is called after each event.
	Check func()

	queue queue
	order int
}

// New returns the run of a seed, in which nothing happens yet.
func New(seed uint64) Line {
	return Line{Rand: rand.New(rand.NewPCG(seed, 1)), Now: confirm.Time(time.Second)}
}

// After queues what is to be in d from now. Events of one time come in the order in
// which they were queued.
func (l *Line) After(d time.Duration, do func()) {
	l.order++
	heap.Push(&l.queue, event{l.Now.Add(d), l.order, do})
}

// Run goes on for d, or until a rule is broken.
func (l *Line) Run(d time.Duration) {
	for end := l.Now.Add(d); l.Violation == "" && len(l.queue) > 0 && l.queue[0].at <= end; {
		next := heap.Pop(&l.queue).(event)
		l.Now = next.at
		next.do()
		if l.Check != nil {
			l.Check()
		}
	}
}

// Within returns a time below d.
func (l *Line) Within(d time.Duration) time.Duration { return time.Duration(l.Int64N(int64(d))) }

// Chance is true with probability p.
func (l *Line) Chance(p float64) bool { return l.Float64() < p }

// Violate ends the run: a rule was broken.
func (l *Line) Violate(format string, args ...any) {
	if l.Violation == "" {
		l.Violation = fmt.Sprintf("at %v: ", time.Duration(l.Now)) + fmt.Sprintf(format, args...)
	}
}

type event struct {
	at    confirm.Time
	order int
	do    func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
