package arp

import (
	"context"
	"slices"
	"sync"
	"time"
)

// announcer announces bindings by the schedule of nextAnnouncement for as long
// as Run runs.
type announcer struct {
	send func(Binding) error
	poke chan struct{}

	mu      sync.Mutex
	entries []entry
}

// entry is one binding on its way through the schedule.
type entry struct {
	binding Binding
	// changed is when its schedule began, due when it is announced next.
	changed, due time.Time
}

// newAnnouncer returns an announcer without bindings. It calls send, from Run's
// goroutine, for each announcement. An announcement that fails begins the
// schedule anew, so that a link that comes back is told as after a change.
func newAnnouncer(send func(Binding) error) *announcer {
	return &announcer{send: send, poke: make(chan struct{}, 1)}
}

// Set replaces the bindings. One that was there before keeps its place in the
// schedule; a new one is announced at once.
func (a *announcer) Set(bindings []Binding) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	next := make([]entry, 0, len(bindings))
	for _, b := range bindings {
		i := slices.IndexFunc(a.entries, func(e entry) bool { return e.binding == b })
		if i >= 0 {
			next = append(next, a.entries[i])
			continue
		}
		next = append(next, entry{binding: b, changed: now, due: now})
	}
	a.entries = next
	a.wake()
}

// Restart begins the schedule of every binding anew, as after a change.
func (a *announcer) Restart() {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.entries {
		a.entries[i].changed, a.entries[i].due = now, now
	}
	a.wake()
}

// Run announces until the context ends.
func (a *announcer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.poke:
		case <-timer.C:
		}
		timer.Reset(a.step(time.Now()))
	}
}

// step announces what is due, and says how long to wait for the next.
func (a *announcer) step(now time.Time) time.Duration {
	for _, b := range a.takeDue(now) {
		if err := a.send(b); err != nil {
			a.failed(b, now)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	wait := refreshInterval
	for _, e := range a.entries {
		wait = min(wait, e.due.Sub(now))
	}
	return max(wait, 0)
}

// takeDue returns the bindings whose time has come, and moves them on.
func (a *announcer) takeDue(now time.Time) []Binding {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []Binding
	for i := range a.entries {
		e := &a.entries[i]
		if now.Before(e.due) {
			continue
		}
		due = append(due, e.binding)
		e.due = e.changed.Add(nextAnnouncement(now.Sub(e.changed)))
	}
	return due
}

// failed begins a binding's schedule anew, its first announcement being the one
// that failed.
func (a *announcer) failed(b Binding, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.entries {
		if e := &a.entries[i]; e.binding == b {
			e.changed, e.due = now, now.Add(nextAnnouncement(0))
		}
	}
}

func (a *announcer) wake() {
	select {
	case a.poke <- struct{}{}:
	default: // Run has a wake-up to come already.
	}
}
