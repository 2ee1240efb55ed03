package farm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
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

// A node that goes back from a trial does not wait for the check of the configuration
// before when it ends meanwhile: the next process reads that one in any case.
func TestGoingBackEndsWithTheLoop(t *testing.T) {
	l, text := admitting(t)
	l.events = quietEvents()
	running := console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Minute)}
	if err := l.trials.Adopt(trial.Record{Trial: running, Old: text()}); err != nil {
		t.Fatal(err)
	}
	before := *l.cfg
	before.Datapath.Queues = 2
	l.self.Parse = func([]byte) (*config.Config, error) { return &before, nil }
	checking := filepath.Join(t.TempDir(), "checking")
	if err := unix.Mkfifo(checking, 0o600); err != nil {
		t.Fatal(err)
	}
	l.self.Program, l.self.Check = "/bin/sh", []string{"-c", "echo >" + checking + "; exec sleep 600"}
	ended := make(chan error, 1)
	undone := running
	undone.State, undone.Reason = console.TrialUndone, "for a test"
	go func() { ended <- (control{l}).EndTrial(t.Context(), undone) }()
	if _, err := os.ReadFile(checking); err != nil {
		t.Fatal(err)
	}
	close(l.ended)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it is in force in a process that has ended")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the check")
	}
}
