package confirmation

import (
	"errors"
	"testing"
	"time"

	"thresher/cluster/confirm"
)

// A node that has ended cannot depart, and keeps nobody waiting, however often it is asked
// to: the daemon's loop asks.
func TestDepartureOfANodeThatHasEnded(t *testing.T) {
	c := &Confirmation{parting: make(chan parting, 1), ended: make(chan struct{}), params: confirm.Params{Heartbeat: time.Hour}}
	close(c.ended)
	for range 3 {
		if _, err := c.Depart(); !errors.Is(err, ErrEnded) {
			t.Errorf("%v, want %v", err, ErrEnded)
		}
	}
}
