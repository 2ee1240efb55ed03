package farm

import (
	"log/slog"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
)

// rising is a node with one rule whose weight grows over span, in that state.
func rising(span time.Duration, state console.NodeState) *local {
	rules := []config.Rule{{Name: "web", Mode: config.ModeShared, Weight: 100}}
	cfg := &config.Config{Node: "web1", Rules: rules, Life: config.Life{SlowStart: span}}
	l := newLocal(cfg, slog.New(slog.DiscardHandler), Self{})
	l.app = newApplication(cfg, l.events, 0)
	l.life.state = state
	return l
}

// handedBy is what the next process makes of what one hands on.
func handedBy(t *testing.T, old *local, change func(*handed)) *handed {
	t.Helper()
	h := old.handOver()
	change(h)
	b, err := h.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := decodeHanded(b)
	if err != nil {
		t.Fatal(err)
	}
	next.resumed = true
	return next
}

// TestSlowStart: the weight grows in steps from when the node is up.
func TestSlowStart(t *testing.T) {
	const span = 10 * time.Minute
	epoch := time.Now()
	l := rising(span, console.Starting)
	for _, step := range []struct {
		after time.Duration
		state console.NodeState
		want  uint8
	}{
		{0, console.Starting, 10}, {time.Hour, console.Starting, 10}, {time.Hour, console.Up, 10}, {time.Hour + span/2, console.Up, 60},
		{time.Hour - span/2, console.Up, 10}, // the clock was set back
		{time.Hour + span, console.Up, 100}, {2 * time.Hour, console.Waiting, 100}, {3 * time.Hour, console.Up, 10}, {3*time.Hour + span/10, console.Up, 20},
	} {
		l.life.state = step.state
		if l.heed(epoch.Add(step.after)); l.weights.of(0) != step.want {
			t.Errorf("%s after %v: %d %%, want %d", step.state, step.after, l.weights.of(0), step.want)
		}
	}
}

// TestSlowStartIsHandedOn: a restart in place moves no bucket. Whose weight grows goes on
// with that, who has all of it keeps it, whatever release was there before; and one whose
// file lets it grow no more has it all.
func TestSlowStartIsHandedOn(t *testing.T) {
	const span = 10 * time.Minute
	silent := func(h *handed) { h.Application.Rising = time.Time{} } // a release that did not say
	for _, tt := range []struct {
		name       string
		upFor      time.Duration
		was, is    time.Duration // slow_start
		change     func(*handed)
		want, more uint8 // at once, and a tenth of the time later
	}{
		{"it grows", span / 2, span, span, func(*handed) {}, 60, 70},
		{"it has grown", span, span, span, func(*handed) {}, 100, 100},
		{"handed by an earlier release", 2 * span, span, span, silent, 100, 100},
		{"it did not grow, and is to from now on", span / 2, 0, span, func(*handed) {}, 100, 100},
		{"it is not to grow any more", span / 2, span, 0, func(*handed) {}, 100, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Now()
			old := rising(tt.was, console.Starting)
			defer old.supervise()()
			old.heed(now.Add(-tt.upFor))
			old.life.state = console.Up
			old.heed(now)
			next := rising(tt.is, console.Starting)
			next.handed = handedBy(t, old, tt.change)
			next.handed.resumeWeights(next.weights)
			next.resume(next.handed)
			defer next.supervise()()
			for i, want := range []uint8{tt.want, tt.more} {
				now = time.Now().Add(time.Duration(i) * span / slowSteps)
				if next.heed(now); next.weights.of(0) != want {
					t.Errorf("look %d: %d %%, want %d", i+1, next.weights.of(0), want)
				}
			}
			after := rising(span, console.Starting)
			after.handed = handedBy(t, next, func(*handed) {})
			after.resume(after.handed)
			defer after.supervise()()
			if after.heed(now); tt.is == 0 && after.weights.of(0) != 100 {
				t.Errorf("the process after that: %d %%", after.weights.of(0))
			}
		})
	}
}
