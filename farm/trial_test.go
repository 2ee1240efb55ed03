package farm

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"thresher/console"
)

// A trial goes on in the next process by a clock that nobody sets.
func TestTrialIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "thresher.yaml")
	first, err := openTrials(file)
	if err != nil {
		t.Fatal(err)
	}
	want := trialRecord{Trial: console.Trial{ID: "x", State: console.TrialRunning, Deadline: time.Now().Add(time.Hour)}, Old: "before"}
	if err := first.adopt(want); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(trialFile(file)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	next, err := openTrials(file)
	if err != nil {
		t.Fatal(err)
	}
	got := next.get()
	if got.Trial.ID != "x" || got.Old != "before" || time.Until(got.Trial.Deadline) > 15*time.Minute || got.Trial.Deadline == got.Trial.Deadline.Round(0) {
		t.Errorf("%+v", got)
	}
}
