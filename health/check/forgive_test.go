package check

import (
	"testing"
	"time"
)

// TestForgive: what comes up slowly gets its time, here 25 s of runs every 10 s, and is
// judged by rise and fall as always from its first success on, or when its time is over.
func TestForgive(t *testing.T) {
	for _, tt := range []struct {
		name, words string
		gets        time.Duration
	}{
		{"up within its time", "s? -? -? +u", 25 * time.Second},
		{"failures within its time count not, later ones do", "s? -? -? -? -? -? -d", 25 * time.Second},
		{"a run at its end counts", "s? -? -? -? -? -? -d", 30 * time.Second},
		{"a run just before its end does not", "s? -? -? -? -? -? -? -d", 30*time.Second + 1},
		{"once up, its time is over", "s? +u -u -u -d", 25 * time.Second},
		{"once up, a flap at the edge of fall changes nothing", "s? -? +u -u -u +u -u -u +u", 25 * time.Second},
		{"up after its time, before fall", "s? -? -? -? -? -? +u", 25 * time.Second},
		{"a run that hangs within its time counts not", "s? h? l? -? -? -? -? -d", 25 * time.Second},
		{"no time", "s? -? -? -d", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world{m: New(usual, middle), now: epoch}
			w.m.Forgive(epoch.Add(tt.gets))
			w.follow(t, tt.words)
		})
	}
}
