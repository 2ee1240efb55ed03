package supervise

import (
	"context"
	"time"

	"thresher/config"
	"thresher/health/service"
)

// serviceRun is a service with what runs it.
type serviceRun struct {
	config  config.Service
	machine *service.Machine
	runner  Runner

	end     context.CancelFunc // of the command under way; nil if there is none
	number  int                // of the last command: what came before counts no more
	begun   time.Time          // when it was last begun to be started
	unwatch context.CancelFunc // nil while its end is not watched
	told    service.State
	gaveUp  string
}

// command begins a command, and passes on where the service stands by then.
func (s *Supervisor) command(now time.Time, r *serviceRun, c service.Command) {
	if c != service.None {
		s.perform(now, r, c)
	}
	s.stand(now, r)
}

// perform has a command carried out on a goroutine of its own. The one before it is
// ended first, if it is still under way.
func (s *Supervisor) perform(now time.Time, r *serviceRun, c service.Command) {
	s.news = true
	if r.end != nil {
		r.end()
	}
	timeout := r.config.StopTimeout
	do := map[service.Command]func(context.Context) error{
		service.Start: r.runner.Start, service.Stop: r.runner.Stop, service.ForceStop: r.runner.Force,
	}[c]
	if c == service.Start {
		timeout = r.config.StartTimeout
		r.begun = now
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	r.end = cancel
	r.number++
	number := r.number
	s.work.Go(func() {
		defer cancel()
		err := do(ctx)
		s.post(func(now time.Time) {
			if r.number != number {
				return
			}
			why := ""
			if err != nil {
				why = err.Error()
			}
			s.command(now, r, r.machine.Ended(now, c, why))
		})
	})
}

// stand watches a service while it is up, and tells the node's life how it stands.
func (s *Supervisor) stand(now time.Time, r *serviceRun) {
	state, detail := r.machine.State()
	gaveUp := r.machine.GaveUp()
	switch {
	case state == service.Up && r.unwatch == nil:
		s.watch(r)
	case state != service.Up && r.unwatch != nil:
		r.unwatch()
		r.unwatch = nil
	}
	if state == r.told && gaveUp == r.gaveUp {
		return
	}
	message := "service " + r.config.Name + " is " + state.String()
	bad := r.told == service.Up && r.machine.Failures(now) > 0 && detail != "" || state == service.Lost || gaveUp != ""
	if bad && detail != "" {
		message += ": " + detail
	}
	r.told, r.gaveUp = state, gaveUp
	s.event("service_"+state.String(), bad, r.config.Name, message)
	s.carryOut(now, s.life.Service(now, r.config.Name, state, gaveUp))
}

// watch waits for the service's end on a goroutine of its own.
func (s *Supervisor) watch(r *serviceRun) {
	ctx, cancel := context.WithCancel(s.ctx)
	r.unwatch = cancel
	s.work.Go(func() {
		why, err := r.runner.AwaitEnd(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.post(func(time.Time) {
				s.event("service_unwatched", true, r.config.Name, "the end of service "+r.config.Name+" will not be noticed: "+err.Error())
			})
			return
		}
		s.post(func(now time.Time) {
			if ctx.Err() == nil {
				s.command(now, r, r.machine.Died(now, why))
			}
		})
	})
}

// showAtLeast is how old a picture gets: failures leave their window by time alone.
const showAtLeast = time.Second

// show makes a new picture if there is something to show. Most results say what is
// known, and a picture has all checks.
func (s *Supervisor) show(now time.Time) {
	if s.news || now.Sub(s.shown) >= showAtLeast {
		s.publish(now)
	}
}

// publish makes a new picture, and rings if it says something new.
func (s *Supervisor) publish(now time.Time) {
	s.news, s.shown = false, now
	p := &Picture{
		Halted: s.life.Halted(), Cause: s.life.Cause(), Waits: s.life.Waits(), Suspended: s.life.Suspended(),
		Withdrawn: s.life.Withdrawn(), Weights: s.weights(),
	}
	p.Phase, p.Reason = s.life.Phase()
	p.Checks = make([]Check, 0, len(s.checks))
	for _, r := range s.checks {
		v, detail := r.machine.Verdict()
		p.Checks = append(p.Checks, Check{Name: r.config.Name, Verdict: v, Detail: detail, Warning: r.warning, Since: r.since})
	}
	for _, r := range s.services {
		state, detail := r.machine.State()
		p.Services = append(p.Services, Service{Name: r.config.Name, State: state.String(), Detail: detail, Restarts: r.machine.Failures(now)})
	}
	before := s.picture.Swap(p)
	if before != nil && same(before, p) {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// weights are the least that agents want of each rule.
func (s *Supervisor) weights() map[string]int {
	all := make(map[string]int)
	for _, r := range s.checks {
		if r.weight < 0 || s.life.Suspended() {
			continue
		}
		for _, rule := range s.options.rules(r.config.Rules, r.config.WithdrawsNone) {
			if w, has := all[rule]; !has || r.weight < w {
				all[rule] = r.weight
			}
		}
	}
	return all
}
