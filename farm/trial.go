package farm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"thresher/config"
	"thresher/console"
	"thresher/farm/trial"
	"thresher/internal/wholefile"
)

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
			plan.Warnings = c.loop.roster.unseen(next.Rules)
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
	if !l.trials.Changing.TryLock() {
		return &console.Error{Code: console.CodeConflict, Message: "somebody else changes the configuration right now", Cure: "wait a moment"}
	}
	defer l.trials.Changing.Unlock()
	if err := l.trials.MustBeOver(); err != nil {
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
	record := trial.Record{Trial: t, Old: string(old)}
	if err := l.trials.Adopt(record); err != nil {
		return err
	}
	if err := wholefile.Replace(l.self.File, text, 0o600); err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), l.trials.Back(record, "it could not be written"))
	}
	l.events.add(console.LevelInfo, "config_trial", "a new configuration is tried: "+strings.Join(plan.Changes, "; "), nil)
	if err := c.enforce(ctx, next, plan, begun); err != nil {
		return errors.Join(err, l.trials.Back(record, err.Error()))
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
func (c control) Trial() console.Trial { return c.loop.trials.Last().Trial }

// EndTrial keeps what is in force, or goes back.
func (c control) EndTrial(ctx context.Context, t console.Trial) error {
	l := c.loop
	l.trials.Changing.Lock()
	defer l.trials.Changing.Unlock()
	record := l.trials.Last()
	if record.Trial.ID != t.ID || record.Trial.Decided() {
		return nil // somebody was faster
	}
	if t.State == console.TrialKept {
		if err := l.trials.Adopt(trial.Record{Trial: t}); err != nil {
			return err
		}
		l.events.add(console.LevelInfo, "config_kept", "the new configuration is kept: the farm is well with it", nil)
		return nil
	}
	if err := l.trials.Back(record, t.Reason); err != nil {
		return err
	}
	l.events.add(console.LevelWarn, "config_undone", "the configuration before is in force again: "+t.Reason, nil)
	ctx, end := l.lasting(ctx) // the file is the old one: it takes effect whoever leaves
	defer end()
	next, plan, err := c.plan(ctx, []byte(record.Old))
	if err == nil {
		err = c.enforce(ctx, next, plan, func(console.Reload) {})
	}
	if err != nil {
		l.events.add(console.LevelError, "reload_failed", "the configuration before is in its place, and not in force: "+err.Error(), nil)
	}
	return err
}
