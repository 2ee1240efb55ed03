// Package trial keeps what is needed to go back from a configuration on trial, also by a
// process that can't read the configuration.
package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/wholefile"
)

// Record is what of a trial outlives the process: the text before with it, as long as it
// is not decided, so that whoever runs next can go back.
type Record struct {
	Trial console.Trial `json:"trial"`
	Old   string        `json:"old,omitempty"`
}

// underWay tells whether there is a trial that nothing has come of yet.
func (r Record) underWay() bool { return r.Trial.ID != "" && !r.Trial.Decided() }

// Store keeps the record of the last trial beside the configuration: it must be
// found by a process that can't read the configuration.
type Store struct {
	file string // of the configuration; "" if there is none

	// Changing is held by whoever changes the configuration.
	Changing sync.Mutex

	mu     sync.Mutex // guards record
	record Record
}

func fileFor(file string) string { return file + ".trial" }

// Open reads what there is. A record that can't be read is none: with it, the
// daemon could not go back either.
func Open(file string) (*Store, error) {
	s := &Store{file: file}
	if file == "" {
		return s, nil
	}
	b, err := os.ReadFile(fileFor(file))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.record)
	}
	if err != nil {
		return &Store{file: file}, fmt.Errorf("read the last trial of a configuration: %w", err)
	}
	s.record.Trial = s.record.Trial.Resumed(time.Now())
	return s, nil
}

// Last is the record of the last trial.
func (s *Store) Last() Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

// MustBeOver refuses what must wait until no configuration is on trial.
func (s *Store) MustBeOver() error {
	last := s.Last()
	if !last.underWay() {
		return nil
	}
	return &console.Error{
		Code: console.CodeConflict, Message: "a configuration is on trial",
		Cure: fmt.Sprintf("wait until %s at most, or undo it", last.Trial.Deadline.Format("15:04:05")),
	}
}

// Adopt writes the record down before it counts, and with it how the trials before have
// ended.
func (s *Store) Adopt(r Record) error {
	r.Trial = r.Trial.After(s.Last().Trial)
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := wholefile.Replace(fileFor(s.file), b, 0o600); err != nil {
		return fmt.Errorf("write down what to go back to: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = r
	return nil
}

// Back puts the text before in its place again, unless it is there still: the other one
// may never have been written, for a reason that would keep this one from it, too.
func (s *Store) Back(r Record, why string) error {
	if there, err := wholefile.Read(s.file, config.MaxFileSize); err != nil || string(there) != r.Old {
		if err := wholefile.Replace(s.file, []byte(r.Old), 0o600); err != nil {
			return fmt.Errorf("put the configuration before in its place: %w", err)
		}
	}
	r.Trial.State, r.Trial.Reason, r.Old = console.TrialUndone, why, ""
	return s.Adopt(r)
}

// FallBack has a node that does not come up with a configuration on trial go back to
// the one before. It tells whether it did.
func FallBack(file string, failure error) (bool, error) {
	s, err := Open(file)
	if err != nil || !s.record.underWay() {
		return false, err
	}
	return true, s.Back(s.record, "this node does not come up with it: "+failure.Error())
}
