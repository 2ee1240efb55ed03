package check

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestGrid: intervals stay within their jitter, are spread over most of it, and end
// at moments that checks of all intervals share.
func TestGrid(t *testing.T) {
	grid := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)
	for _, tt := range []struct {
		interval time.Duration
		jitter   float64
		step     time.Duration
	}{
		{time.Second, 0.05, 32 * time.Millisecond},
		{200 * time.Millisecond, 0.05, 8 * time.Millisecond},
		{time.Minute, 0.05, 128 * time.Millisecond},
		{time.Second, 0.5, 128 * time.Millisecond},
		{100 * time.Millisecond, 0.01, time.Millisecond},
	} {
		p := Params{Interval: tt.interval, Jitter: tt.jitter, Grid: grid}
		spread := time.Duration(float64(tt.interval) * tt.jitter)
		least, most := time.Hour, time.Duration(0)
		now := grid.Add(time.Second)
		for range 2000 {
			next := p.next(now, rand.Float64())
			took := next.Sub(now)
			least, most = min(least, took), max(most, took)
			if took < tt.interval-spread || took > tt.interval {
				t.Fatalf("every %v with jitter %v: the next one after %v", tt.interval, tt.jitter, took)
			}
			if off := next.Sub(grid) % tt.step; off != 0 {
				t.Fatalf("every %v with jitter %v: %v off the grid", tt.interval, tt.jitter, off)
			}
			now = next.Add(rand.N(10 * time.Millisecond)) // a run begins late
		}
		if most-least < spread/2 {
			t.Errorf("every %v with jitter %v: after %v to %v only", tt.interval, tt.jitter, least, most)
		}
	}
}

// TestNoGrid: without jitter an interval is as long as it says; without a grid, or too
// little jitter for one, it ends where the draw says.
func TestNoGrid(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		p    Params
		want time.Duration
	}{
		{Params{Interval: time.Second, Grid: now.Add(7)}, time.Second},
		{Params{Interval: 10 * time.Millisecond, Jitter: 0.05, Grid: now.Add(7)}, 9750 * time.Microsecond},
		{Params{Interval: time.Second, Jitter: 0.05}, 975 * time.Millisecond},
	} {
		if got := tt.p.next(now, 0.5).Sub(now); got != tt.want {
			t.Errorf("%+v: the next one after %v, want %v", tt.p, got, tt.want)
		}
	}
}
