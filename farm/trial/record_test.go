package trial

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/console"
)

// A trial goes on in the next process by a clock that nobody sets.
func TestTrialIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	first, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Hour)}, Old: "before"}
	if err := first.Adopt(want); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fileFor(file)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	next, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	got := next.Last()
	if got.Trial.ID != "x" || got.Old != "before" || time.Until(got.Trial.Deadline) > 15*time.Minute || got.Trial.Deadline == got.Trial.Deadline.Round(0) {
		t.Errorf("%+v", got)
	}
}

// How a trial has ended is known while the next one goes on, and in the next process.
func TestEarlierTrialsAreKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []console.Trial{{ID: "x", State: console.TrialRunning}, {ID: "x", State: console.TrialKept}, {ID: "y", State: console.TrialRunning}} {
		if err := s.Adopt(Record{Trial: one}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Back(s.Last(), "no"); err != nil {
		t.Fatal(err)
	}
	next, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []*Store{s, next} {
		if last := store.Last().Trial; last.StateOf("x") != console.TrialKept || last.StateOf("y") != console.TrialUndone {
			t.Errorf("%+v", last)
		}
	}
}

// A node that does not come up goes back once, and not from what it has kept.
func TestFallBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	running := Record{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Hour)}, Old: "before"}
	kept := running
	kept.Trial.State = console.TrialKept
	for _, step := range []struct {
		name   string
		record *Record // nil for as the step before has left it
		back   bool
	}{{"no trial", nil, false}, {"kept", &kept, false}, {"under way", &running, true}, {"undone", nil, false}} {
		if step.record != nil {
			if err := s.Adopt(*step.record); err != nil {
				t.Fatal(err)
			}
		}
		if back, err := FallBack(file, errors.New("the port is taken")); back != step.back || err != nil {
			t.Errorf("%s: went back: %v, %v", step.name, back, err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != "before" {
		t.Errorf("the configuration is %q, %v", text, err)
	}
	if s, err = Open(file); err != nil || s.Last().Trial.State != console.TrialUndone || !strings.Contains(s.Last().Trial.Reason, "the port is taken") || s.Last().Old != "" {
		t.Errorf("the record is %+v, %v", s.Last(), err)
	}
}

// A file that has the text before still is left alone: it need not be possible to
// replace it for the trial to end.
func TestBackLeavesTheTextBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	running := Record{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Hour)}, Old: "before"}
	for text, same := range map[string]bool{"before": true, "on trial": false} {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), s.Adopt(running)); err != nil {
			t.Fatal(err)
		}
		was, err := os.Stat(file)
		if err == nil {
			err = s.Back(running, "for a test")
		}
		is, gone := os.Stat(file)
		if err := errors.Join(err, gone); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(file); string(got) != "before" || os.SameFile(was, is) != same || s.MustBeOver() != nil {
			t.Errorf("over %q: %q, the same file: %v, %v", text, got, os.SameFile(was, is), s.MustBeOver())
		}
	}
}
