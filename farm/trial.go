package farm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/wholefile"
)

// trialRecord is what of a trial outlives the process: the text before with it, so
// that whoever runs next can go back.
type trialRecord struct {
	Trial console.Trial `json:"trial"`
	Old   string        `json:"old,omitempty"`
}

// trials keeps the record of the last trial beside the configuration: it must be
// found by a process that can't read the configuration.
type trials struct {
	file string // of the configuration; "" if there is none

	mu     sync.Mutex // guards record
	record trialRecord
	doing  sync.Mutex // held by whoever changes the configuration
}

func trialFile(file string) string { return file + ".trial" }

// openTrials reads what there is. A record that can't be read is none: with it, the
// daemon could not go back either.
func openTrials(file string) (*trials, error) {
	t := &trials{file: file}
	if file == "" {
		return t, nil
	}
	b, err := os.ReadFile(trialFile(file))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &t.record)
	}
	if err != nil {
		return &trials{file: file}, fmt.Errorf("read the last trial of a configuration: %w", err)
	}
	t.record.Trial = t.record.Trial.Resumed(time.Now())
	return t, nil
}

func (t *trials) get() trialRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record
}

// mustBeOver refuses what must wait until no configuration is on trial.
func (t *trials) mustBeOver() error {
	last := t.get().Trial
	if last.ID == "" || last.Decided() {
		return nil
	}
	return &console.Error{
		Code: console.CodeConflict, Message: "a configuration is on trial",
		Cure: fmt.Sprintf("wait until %s at most, or undo it", last.Deadline.Format("15:04:05")),
	}
}

// adopt writes the record down before it counts.
func (t *trials) adopt(r trialRecord) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := wholefile.Replace(trialFile(t.file), b, 0o600); err != nil {
		return fmt.Errorf("write down what to go back to: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record = r
	return nil
}

// back puts the text before in its place again.
func (t *trials) back(r trialRecord, why string) error {
	if err := wholefile.Replace(t.file, []byte(r.Old), 0o600); err != nil {
		return fmt.Errorf("put the configuration before in its place: %w", err)
	}
	r.Trial.State, r.Trial.Reason, r.Old = console.TrialUndone, why, ""
	return t.adopt(r)
}

// FallBack has a node that does not come up with a configuration on trial go back to
// the one before. It tells whether it did.
func FallBack(file string, failure error) (bool, error) {
	t, err := openTrials(file)
	if err != nil || t.record.Trial.ID == "" || t.record.Trial.Decided() {
		return false, err
	}
	return true, t.back(t.record, "this node does not come up with it: "+failure.Error())
}

// Configuration is the file's text.
func (c control) Configuration() (console.Configuration, error) {
	text, err := c.loop.self.text()
	if err != nil {
		return console.Configuration{}, err
	}
	return console.Configuration{Node: c.loop.cfg.Node, File: c.loop.self.File, Text: string(text), ETag: console.ETagOf(text)}, nil
}

// Plan says what another text would do.
func (c control) Plan(ctx context.Context, text []byte) (console.Reload, error) {
	_, plan, err := c.plan(ctx, text)
	return plan, err
}

func (c control) plan(ctx context.Context, text []byte) (next *config.Config, plan console.Reload, err error) {
	if c.loop.self.File == "" || c.loop.self.Parse == nil {
		return nil, plan, errNoFile
	}
	if next, err = c.loop.self.Parse(text); err != nil {
		return nil, plan, &console.Error{Code: console.CodeConflict, Message: err.Error(), Cure: "put it right and try again; the daemon goes on as it was"}
	}
	ended := c.loop.do(ctx, func() {
		if plan, err = planTrial(c.loop.loaded, next); err == nil {
			plan.Warnings = c.loop.roster.strangers(next.Rules)
		}
	})
	return next, plan, errors.Join(ended, err)
}

// planTrial is planReload for a change that all nodes are told of: other rules take a
// restart in place of all, for about a second of which new connections wait.
func planTrial(old, next *config.Config) (console.Reload, error) {
	changes := old.Changes(next)
	if config.EffectOf(changes) != config.EffectRules {
		return planReload(old, next)
	}
	plan := console.Reload{Action: console.ReloadRestart, Changes: []string{}}
	for _, one := range changes {
		plan.Changes = append(plan.Changes, one.String())
	}
	return plan, nil
}

// Try puts a text in force, on trial.
func (c control) Try(ctx context.Context, text []byte, etag string, t console.Trial, begun func(console.Reload)) error {
	l := c.loop
	if !l.trials.doing.TryLock() {
		return &console.Error{Code: console.CodeConflict, Message: "somebody else changes the configuration right now", Cure: "wait a moment"}
	}
	defer l.trials.doing.Unlock()
	if err := l.trials.mustBeOver(); err != nil {
		return err
	}
	old, err := l.self.text()
	if err != nil {
		return err
	}
	if console.ETagOf(old) != etag {
		return &console.Error{
			Code: console.CodePrecondition, Message: "the configuration has changed since it was read", Cure: "get it again, and make the change in that",
		}
	}
	next, plan, err := c.plan(ctx, text)
	if err != nil {
		return err
	}
	t.Before.Failing = console.HealthOf(c.Status()).Failing
	record := trialRecord{Trial: t, Old: string(old)}
	if err := l.trials.adopt(record); err != nil {
		return err
	}
	if err := wholefile.Replace(l.self.File, text, 0o600); err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), l.trials.back(record, "it could not be written"))
	}
	l.events.add(console.LevelInfo, "config_trial", "a new configuration is tried: "+strings.Join(plan.Changes, "; "), nil)
	if err := c.enforce(ctx, next, plan, begun); err != nil {
		return errors.Join(err, l.trials.back(record, err.Error()))
	}
	return nil
}

// enforce has the file that is there now take effect.
func (c control) enforce(ctx context.Context, next *config.Config, plan console.Reload, begun func(console.Reload)) (err error) {
	if plan.Action == console.ReloadRestart {
		return c.Restart(ctx, func() { begun(plan) })
	}
	if ended := c.loop.do(ctx, func() { _, err = c.loop.reload(next, false) }); ended != nil {
		return ended
	}
	if err == nil {
		begun(plan)
	}
	return err
}

// Trial is the last trial.
func (c control) Trial() console.Trial { return c.loop.trials.get().Trial }

// EndTrial keeps what is in force, or goes back.
func (c control) EndTrial(ctx context.Context, t console.Trial) error {
	l := c.loop
	l.trials.doing.Lock()
	defer l.trials.doing.Unlock()
	record := l.trials.get()
	if record.Trial.ID != t.ID || record.Trial.Decided() {
		return nil // somebody was faster
	}
	if t.State == console.TrialKept {
		l.events.add(console.LevelInfo, "config_kept", "the new configuration is kept: the farm is well with it", nil)
		return l.trials.adopt(trialRecord{Trial: t})
	}
	l.events.add(console.LevelWarn, "config_undone", "the configuration before is in force again: "+t.Reason, nil)
	if err := l.trials.back(record, t.Reason); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the file is the old one: it takes effect whoever leaves
	next, plan, err := c.plan(ctx, []byte(record.Old))
	if err == nil {
		err = c.enforce(ctx, next, plan, func(console.Reload) {})
	}
	if err != nil {
		l.events.add(console.LevelError, "reload_failed", "the configuration before is in its place, and not in force: "+err.Error(), nil)
	}
	return err
}
