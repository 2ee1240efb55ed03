package console

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// KindEventsLost is the kind of the event that a follower gets in place of those
// that it was too slow for. Its field "lost" says how many they were, its number
// is that of the newest of them.
const KindEventsLost = "events_lost"

// followBatch is how many events a follower takes at once. It bounds what a
// follower that hangs keeps in memory.
const followBatch = 64

// Follower reads a Log from one event to the next. It has no queue of its own
// but the log itself: one that falls behind by more than the log holds loses the
// oldest events, and nobody waits for it. There is nothing to close. A Follower
// is for one goroutine.
type Follower struct {
	log  *Log
	next uint64
}

// Follow returns a follower of the events whose number is above since. As with
// Since, a number of an earlier run gets everything. With since 0 the follower
// begins at the oldest event held and counts none before it as lost.
func (l *Log) Follow(since uint64) *Follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since == 0 || since > l.last {
		return &Follower{log: l, next: l.oldest()}
	}
	return &Follower{log: l, next: since + 1}
}

// Next returns the next events, oldest first, and waits while there are none.
// Events that are already there are returned even if ctx is done, so that a
// reader can finish; after them the error is ctx's.
func (f *Follower) Next(ctx context.Context) ([]Event, error) {
	for {
		events, wake := f.take()
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what is there, or else a channel that is closed when there is
// more.
func (f *Follower) take() ([]Event, <-chan struct{}) {
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []Event
	if oldest := l.oldest(); f.next < oldest {
		events = append(events, lostEvent(oldest-f.next, oldest-1))
		f.next = oldest
	}
	held := l.copyFrom(f.next, followBatch)
	f.next += uint64(len(held))
	if events = append(events, held...); len(events) > 0 {
		return events, nil
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return nil, l.wake
}

// lostEvent tells a follower that it has lost count events up to number seq.
func lostEvent(count, seq uint64) Event {
	return Event{
		Time:    time.Now(),
		Seq:     seq,
		Kind:    KindEventsLost,
		Level:   LevelWarn,
		Message: fmt.Sprintf("%d events were lost: they came faster than this reader took them", count),
		Fields:  map[string]string{"lost": strconv.FormatUint(count, 10)},
	}
}
