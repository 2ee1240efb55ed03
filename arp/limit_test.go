package arp

import (
	"testing"
	"time"
)

func TestTokenBucket(t *testing.T) {
	start := time.Unix(1000, 0)
	b := newTokenBucket(10, 3)
	for i, tc := range []struct {
		at   time.Duration
		want bool
	}{
		{0, true}, {0, true}, {0, true}, {0, false}, // the burst, then nothing
		{50 * time.Millisecond, false},
		{100 * time.Millisecond, true}, // one in a tenth of a second
		{100 * time.Millisecond, false},
		{time.Hour, true}, {time.Hour, true}, {time.Hour, true}, {time.Hour, false}, // a pause saves up no more than a burst
	} {
		if got := b.take(start.Add(tc.at)); got != tc.want {
			t.Errorf("take %d at %v = %v, want %v", i, tc.at, got, tc.want)
		}
	}
}
