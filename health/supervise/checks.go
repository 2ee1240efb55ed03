package supervise

import (
	"context"
	"slices"
	"time"

	"thresher/config"
	"thresher/health/check"
	"thresher/health/probe"
)

// checkRun is a check with what runs it.
type checkRun struct {
	config  config.Check
	machine *check.Machine
	probe   probe.Func

	end     context.CancelFunc // of the run under way; nil if there is none
	weight  int                // what an agent wants, -1 if nothing
	warning string
	since   time.Time
}

// startCheck begins a check anew.
func (s *Supervisor) startCheck(now time.Time, r *checkRun) {
	r.machine.Forgive(s.patience(r.config))
	s.begin(r, r.machine.Start(now))
}

// patience is until when a check does not act on services that it has not seen well: one
// without ready is taken for up when its start command has ended, and may still be on its
// way. A check that only withdraws rules needs none, since its verdict does no harm.
func (s *Supervisor) patience(c config.Check) (until time.Time) {
	if !slices.Contains([]config.Action{config.ActionRestart, config.ActionStopstart, config.ActionStop}, c.Action) {
		return time.Time{}
	}
	for _, r := range s.services {
		if len(r.config.Ready) > 0 || len(c.Services) > 0 && !slices.Contains(c.Services, r.config.Name) {
			continue
		}
		if end := r.begun.Add(r.config.StartTimeout); end.After(until) {
			until = end
		}
	}
	return until
}

// isAgent tells whether a check's server or program says what weight it wants.
func (r *checkRun) isAgent() bool { return r.config.TCP.Agent || r.config.Exec.Agent }

// begin begins a run on a goroutine of its own.
func (s *Supervisor) begin(r *checkRun, run check.Run) {
	if run == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, r.config.Timeout)
	r.end = cancel
	s.work.Go(func() {
		defer cancel()
		found := r.probe(ctx)
		s.post(func(now time.Time) { s.finished(now, r, run, found) })
	})
}

// finished takes what a run has found.
func (s *Supervisor) finished(now time.Time, r *checkRun, run check.Run, found probe.Result) {
	_, before := r.machine.Verdict()
	change := r.machine.Ended(now, run, check.Result{OK: found.OK, Detail: found.Detail})
	if r.machine.Running() {
		if !found.OK && found.Weight < 0 { // who drains, or wants little, does so until he says else
			found.Weight = r.weight
		}
		s.news = s.news || before != found.Detail || r.weight != found.Weight || r.warning != found.Warning
		r.weight = found.Weight
		if found.Warning != "" && found.Warning != r.warning {
			s.event("check_warning", true, r.config.Name, "check "+r.config.Name+": "+found.Warning)
		}
		r.warning = found.Warning
	}
	s.verdict(now, r, change)
}

func (s *Supervisor) endCheck(now time.Time, r *checkRun) {
	if r.end != nil {
		r.end()
		r.end = nil
	}
	r.machine.Stop()
	r.weight, r.warning, r.since = -1, "", now
}

// verdict passes a new verdict on.
func (s *Supervisor) verdict(now time.Time, r *checkRun, c *check.Change) {
	if c == nil {
		return
	}
	r.since = now
	message := "check " + r.config.Name + " is " + c.To.String()
	if c.Detail != "" {
		message += ": " + c.Detail
	}
	s.event("check_"+c.To.String(), c.To == check.Down, r.config.Name, message)
	s.carryOut(now, s.life.Check(now, r.config.Name, c.To, c.Detail))
}
