package console

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// stuckFarm has a trial that can't be ended.
type stuckFarm struct {
	*fakeFarm
	tried []time.Time
}

func (f *stuckFarm) EndTrial(context.Context, Trial) error {
	f.tried = append(f.tried, time.Now())
	return context.DeadlineExceeded
}

// The end of a trial that fails is tried again, and not as often as it is looked at.
func TestATrialThatCannotEndIsEndedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &stuckFarm{fakeFarm: &fakeFarm{trial: Trial{ID: "x", State: TrialRunning, Deadline: time.Now()}}}
		s := NewServer(f, NewLog(0), nil)
		ctx, cancel := context.WithCancel(t.Context())
		go s.tryOut(ctx)
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if n := len(f.tried); n != 6 {
			t.Errorf("tried %d times in a minute: %v", n, f.tried)
		}
	})
}
