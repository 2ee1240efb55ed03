package farm

import (
	"testing"
	"time"

	"thresher/config"
)

// Who asks goes on getting reports while others ask, however many.
func TestAskersAreBounded(t *testing.T) {
	w := &watchdog{askers: make(map[config.MAC]time.Time)}
	start := time.Now()
	for round := range 3 {
		for i := range 2 * maxAskers {
			w.asked(start.Add(time.Duration(round)*askerPatience), config.MAC{2, byte(i)})
		}
	}
	if n := len(w.asking(start.Add(3 * askerPatience))); n != maxAskers {
		t.Errorf("%d get reports of their own, want %d", n, maxAskers)
	}
}
