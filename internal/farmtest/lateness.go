package farmtest

import (
	"sort"
	"sync"
	"testing"
	"time"
)

// Lateness notes how late this machine wakes somebody up who sleeps for a moment: by as
// much, or some of it several times, is late what a daemon does here at a time.
type Lateness struct {
	mu    sync.Mutex
	spell []spell
}

// spell is a sleep that took longer than it should have, by so much.
type spell struct {
	begun time.Time
	late  time.Duration
}

func (s spell) ended() time.Time { return s.begun.Add(nap + s.late) }

const (
	nap = 5 * time.Millisecond
	// punctual is what any machine is late by now and then.
	punctual = time.Millisecond
)

// WatchLateness watches until the test ends.
func WatchLateness(t testing.TB) *Lateness {
	l, done, ended := &Lateness{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			begun := time.Now()
			select {
			case <-done:
				return
			case <-time.After(nap):
				l.note(begun, time.Since(begun)-nap)
			}
		}
	}()
	t.Cleanup(func() { close(done); <-ended })
	return l
}

func (l *Lateness) note(begun time.Time, late time.Duration) {
	if late <= punctual {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spell = append(l.spell, spell{begun, late})
}

// Worst is the longest since then.
func (l *Lateness) Worst(since time.Time) (worst time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.spell {
		if s.begun.After(since) {
			worst = max(worst, s.late)
		}
	}
	return worst
}

// PutOff is when something is done that begins at from, and is done at to on a machine
// that is never late.
func (l *Lateness) PutOff(from, to time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	// They are in the order of time, and there may be a hundred thousand of them in an hour.
	first := sort.Search(len(l.spell), func(i int) bool { return l.spell[i].ended().After(from) })
	for _, s := range l.spell[first:] {
		if !s.begun.Before(to) {
			break
		}
		to = to.Add(s.late)
	}
	return to
}
