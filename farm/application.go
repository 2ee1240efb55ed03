package farm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"thresher/config"
	"thresher/console"
	health "thresher/health/life"
	"thresher/health/supervise"
)

// application is what runs behind the VIPs, as the loop sees it: services and
// checks, and what they want of the node.
type application struct {
	supervisor *supervise.Supervisor
	wanted     bool      // whether the supervisor was last told to have it run
	closeBy    time.Time // until when connections may end before services are stopped
	rising     time.Time // since when the node's weight grows; zero if it does not
	comeback   *comeback
}

// The reasons by which rules have less than their weight.
const (
	reasonAgent = "agent"
	// reasonComeback is shown when nothing else speaks against the rule any more.
	reasonComeback = "held back for a moment"
)

// newApplication holds a rule back for span after it was withdrawn.
func newApplication(cfg *config.Config, e *events, span time.Duration) *application {
	return &application{supervisor: supervise.New(supervise.Options{
		Services: cfg.Services, Checks: slices.Concat(cfg.Checks, vipChecks(cfg)), Rules: served(cfg), Manual: cfg.Life.Rejoin == config.RejoinManual, Event: e.health,
	}), comeback: newComeback(span)}
}

// consult has life know what the application says.
func (l *local) consult(now time.Time) {
	p := l.app.supervisor.Picture()
	switch {
	case !l.app.wanted: // what it says is about the time before
		if l.life.state != console.Stopped && len(l.cfg.Services)+len(l.cfg.Checks) > 0 {
			l.life.shut, l.life.shutBy, l.life.waits = "starting services and checks", actionRestart, false
		}
	case p.Halted != "":
		l.life.halt(p.Halted, action(p.Cause))
	case p.Ready():
		l.life.shut, l.life.waits = "", false
	default:
		l.life.shut, l.life.shutBy, l.life.waits = cmp.Or(p.Reason, "starting services and checks"), action(p.Cause), p.Waits
	}
}

// direct tells the supervisor what the node's life has come to: services run unless
// the node is stopped, and are stopped when traffic is out.
func (l *local) direct(now time.Time) {
	s := l.app.supervisor
	wanted := l.life.state != console.Stopped && !l.life.bootsLater(now)
	if wanted != l.app.wanted {
		l.app.wanted = wanted
		if wanted {
			s.Start()
			l.consult(now)
		} else {
			s.Stop(false)
		}
	}
	p := s.Picture()
	if p.Phase != health.Closing {
		l.app.closeBy = time.Time{}
		return
	}
	// What has failed is no use to those that are connected. What has not, but has
	// to wait, lets them end.
	if l.app.closeBy.IsZero() {
		l.app.closeBy = now
		if p.Waits {
			l.app.closeBy = now.Add(l.cfg.Life.StopDrain)
		}
	}
	if !l.takes && (!now.Before(l.app.closeBy) || l.front.flowsLeft() == 0) {
		s.TrafficOut()
	}
}

// heed has services, checks, agents and a slow start leave as much of each rule's
// weight as they say.
func (l *local) heed(now time.Time) {
	p := l.app.supervisor.Picture()
	l.slowStart(now)
	if l.life.state != console.Up {
		l.app.comeback.forget() // nothing comes from here, nothing comes back
	}
	for _, rule := range served(l.cfg) {
		l.withdraw(now, rule, p.Withdrawn[rule])
		percent, has := p.Weights[rule]
		if !has {
			percent = 100
		}
		l.weights.scale(reasonAgent, rule, uint8(percent))
	}
}

// withdraw takes a rule from this node, or gives it back if why is empty and it may
// come back, and says so.
func (l *local) withdraw(now time.Time, rule, why string) {
	before := l.withdrawn[rule]
	if why == "" && before != "" && !l.app.comeback.may(now, rule) {
		why = reasonComeback
	}
	if before == why {
		return
	}
	if before == "" && l.life.state == console.Up {
		l.app.comeback.withdrawn(now, rule)
	}
	if before != "" {
		l.weights.scale(before, rule, 100)
		delete(l.withdrawn, rule)
	}
	if why != "" {
		l.weights.scale(why, rule, 0)
		l.withdrawn[rule] = why
	}
	if before == "" || why == "" {
		l.events.withdrawn(rule, why)
	}
}

// healthStatus fills in checks and services, and what operators have asked for.
func (l *local) healthStatus(s *console.Status) {
	p := l.app.supervisor.Picture()
	if l.life.state == console.Draining {
		s.DrainEnds = l.life.drainEnd
	}
	s.ChecksSuspended, s.Cordoned = p.Suspended, l.kept.Cordoned
	s.Failed = l.life.state == console.Stopped && p.Halted != "" && l.life.reason == p.Halted
	for _, c := range p.Checks {
		s.Checks = append(s.Checks, console.Check{Name: c.Name, State: c.Verdict.String(), Detail: c.Detail, Warning: c.Warning})
	}
	for _, one := range p.Services {
		s.Services = append(s.Services, console.Service{Name: one.Name, State: one.State, Restarts: one.Restarts, Detail: one.Detail})
	}
}

// health is what an operator wants to know of services and checks.
func (e *events) health(h supervise.Event) {
	level := console.LevelInfo
	if h.Bad {
		level = console.LevelWarn
	}
	e.add(level, h.Kind, h.Message, map[string]string{"name": h.Name})
}

// withdrawn is a rule that this node serves no more, or again if why is empty.
func (e *events) withdrawn(rule, why string) {
	if rule == everyRule {
		e.outOfService(why)
		return
	}
	if why == "" {
		e.add(console.LevelInfo, "rule_restored", fmt.Sprintf("rule %s is served here again", rule), map[string]string{"rule": rule})
		return
	}
	e.add(console.LevelWarn, "rule_withdrawn", fmt.Sprintf("rule %s is not served here: %s", rule, why),
		map[string]string{"rule": rule, "reason": why})
}

// outOfService is a node without rules that is up and serves nobody, or again if why
// is empty.
func (e *events) outOfService(why string) {
	if why == "" {
		e.add(console.LevelInfo, "rule_restored", "this node serves again", nil)
		return
	}
	e.add(console.LevelWarn, "rule_withdrawn", "this node serves nobody: "+why, map[string]string{"reason": why})
}
