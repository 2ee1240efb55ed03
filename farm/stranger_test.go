package farm

import (
	"slices"
	"testing"
	"time"

	"thresher/config"
)

// A machine that goes on sending what this farm's key does not open is told once, and
// shown until it is silent; forged ones, each from another address, are not.
func TestStrangers(t *testing.T) {
	now := time.Unix(1000, 0)
	second := func() { now = now.Add(time.Second) }
	mac := config.MAC{2, 0, 0, 0, 0, 9}
	var s strangers
	var told []int
	for i := range 6 {
		if s.look(uint64(i+1), mac, now) {
			told = append(told, i)
		}
		second()
	}
	if !slices.Equal(told, []int{strangerTimes - 1}) || !slices.Equal(s.texts(), []string{mac.String()}) {
		t.Errorf("told at %v, shown %q", told, s.texts())
	}
	for range 12 {
		if s.look(6, mac, now) {
			t.Error("told of nothing new")
		}
		second()
	}
	if len(s.texts()) != 0 {
		t.Errorf("still shown: %q", s.texts())
	}
	for i := range 200 {
		if s.look(uint64(100+40_000*i), config.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}, now) {
			t.Error("told of a forged one")
		}
		if len(s.seen) > strangersMost {
			t.Fatalf("%d are watched", len(s.seen))
		}
		second()
	}
}
