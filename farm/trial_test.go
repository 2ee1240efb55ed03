package farm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"thresher/console"
	"thresher/farm/trial"
)

// The end of a trial that can't be written down has not happened: nobody is told of it,
// however often it is tried.
func TestATrialThatCannotEndIsNotToldAsEnded(t *testing.T) {
	for _, state := range []string{console.TrialKept, console.TrialUndone} {
		l, text := admitting(t)
		l.events = quietEvents()
		running := console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Minute)}
		if err := l.trials.Adopt(trial.Record{Trial: running, Old: text() + "# before\n"}); err != nil {
			t.Fatal(err)
		}
		dir, aside := filepath.Dir(l.self.File), filepath.Join(t.TempDir(), "aside")
		if err := os.Rename(dir, aside); err != nil {
			t.Fatal(err)
		}
		ended := running
		ended.State, ended.Reason = state, "for a test"
		for range 3 {
			if err := (control{l}).EndTrial(t.Context(), ended); err == nil {
				t.Fatalf("%s where nothing can be written", state)
			}
		}
		if told := l.events.ring.Since(0); len(told) != 0 || l.trials.MustBeOver() == nil {
			t.Errorf("%s: told %v, over: %v", state, told, l.trials.MustBeOver() == nil)
		}
		if err := errors.Join(os.Rename(aside, dir), (control{l}).EndTrial(t.Context(), ended)); err != nil && l.trials.MustBeOver() != nil {
			t.Errorf("%s, and written: %v", state, err)
		}
		if told := l.events.ring.Since(0); len(told) == 0 || told[0].Kind != "config_"+state {
			t.Errorf("%s, and written: told %v", state, told)
		}
	}
}
