package life

import (
	"fmt"
	"slices"
	"time"

	"thresher/health/check"
	"thresher/health/service"
)

// Machine is a node's life. Its methods are called in the order of time; each
// returns what is to be done, in its order.
type Machine struct {
	params Params

	phase  Phase
	reason string // why not ready
	wanted bool
	halted string // why the node has stopped by itself; "" if it has not
	cause  Cause  // what has last had the node go out by itself; "" for nothing since Start
	goal   Phase  // where stopping leads: Off, Held or Starting
	manual bool   // an operator has to start it, since it has waited
	asking bool   // in held: no check has failed, some have no verdict yet

	suspended bool
	services  map[string]service.State
	checks    map[string]*checkState
	asked     map[string]bool // services that are wanted
	steps     []Step
}

// checkState is a check as life sees it.
type checkState struct {
	Check
	runs    bool
	verdict check.Verdict
	detail  string
	latched bool // was not up; its rules come back when it is
	acted   []time.Time
}

// New makes a node that is off.
func New(p Params) *Machine {
	m := &Machine{params: p, services: make(map[string]service.State), checks: make(map[string]*checkState), asked: make(map[string]bool)}
	for _, c := range p.Checks {
		m.checks[c.Name] = &checkState{Check: c}
	}
	return m
}

// Phase is where the node stands, and why it is not ready.
func (m *Machine) Phase() (Phase, string) { return m.phase, m.reason }

// Halted says why the node has stopped by itself; "" if it has not.
func (m *Machine) Halted() string { return m.halted }

// Cause is what has last had the node go out by itself; "" for nothing since Start.
func (m *Machine) Cause() Cause { return m.cause }

// Waits says whether the node is out, or goes out, until a check is up. While the
// checks are asked for the first time, it only starts.
func (m *Machine) Waits() bool {
	return m.phase == Held && !m.asking || (m.phase == Closing || m.phase == Stopping) && m.goal == Held
}

// Suspended says whether checks count.
func (m *Machine) Suspended() bool { return m.suspended }

// Start is an operator's wish, or the boot's: it forgets why the node had stopped.
func (m *Machine) Start(now time.Time) []Step {
	m.wanted, m.halted, m.cause, m.manual = true, "", "", false
	for _, c := range m.checks {
		c.acted = nil
	}
	if (m.phase == Closing || m.phase == Stopping) && m.goal == Off {
		m.goal = Starting
	}
	return m.advance(now)
}

// Stop takes the node down; traffic is out already. force ends services without
// asking.
func (m *Machine) Stop(now time.Time, force bool) []Step {
	m.wanted, m.goal = false, Off
	if m.phase != Off && m.phase != Held {
		m.enter(Stopping, "")
	}
	if force && m.phase == Stopping {
		for _, s := range m.params.Services {
			if m.services[s.Name] != service.Stopped {
				m.asked[s.Name] = false
				m.do(ForceService, s.Name, "")
			}
		}
	}
	return m.advance(now)
}

// TrafficOut says that no traffic is let in any more.
func (m *Machine) TrafficOut(now time.Time) []Step {
	if m.phase == Closing {
		m.enter(Stopping, m.reason)
	}
	return m.advance(now)
}

// Suspend has checks not count, for maintenance.
func (m *Machine) Suspend(now time.Time, suspend bool) []Step {
	m.suspended = suspend
	if !suspend {
		for _, c := range m.inOrder() {
			if c.verdict == check.Down {
				m.act(now, c)
			}
		}
	}
	return m.advance(now)
}

// Check takes a check's verdict.
func (m *Machine) Check(now time.Time, name string, v check.Verdict, detail string) []Step {
	c := m.checks[name]
	if c == nil || !c.runs {
		return nil
	}
	c.verdict, c.detail = v, detail
	switch v {
	case check.Up:
		c.latched = false
	case check.Down:
		c.latched = true
		if !m.suspended {
			m.act(now, c)
		}
	}
	return m.advance(now)
}

// Service takes a service's state. gaveUp says in what it has failed too often.
func (m *Machine) Service(now time.Time, name string, s service.State, gaveUp string) []Step {
	m.services[name] = s
	if gaveUp != "" {
		m.halt(CauseTooOften, gaveUp)
	}
	return m.advance(now)
}

// Latched are the checks whose rules are withdrawn until they are up.
func (m *Machine) Latched() (names []string) {
	for _, c := range m.inOrder() {
		if c.latched {
			names = append(names, c.Name)
		}
	}
	return names
}

// Adopt takes the node for ready, as the process before this one has left it.
func (m *Machine) Adopt(now time.Time, latched []string) []Step {
	m.wanted, m.phase, m.reason = true, Ready, ""
	for _, c := range m.inOrder() {
		c.latched = slices.Contains(latched, c.Name)
	}
	for _, s := range m.params.Services {
		m.services[s.Name], m.asked[s.Name] = service.Up, true
	}
	return m.advance(now)
}

// act does what a check that is down has the node do.
func (m *Machine) act(now time.Time, c *checkState) {
	if m.phase != Starting && m.phase != Ready {
		return
	}
	why := failure(c)
	switch c.Action {
	case Wait:
		m.close(Held, CauseWait, why)
	case Restart:
		for _, name := range c.Services {
			m.do(FailService, name, why)
		}
	case Stopstart:
		c.acted = slices.DeleteFunc(c.acted, func(t time.Time) bool { return now.Sub(t) >= c.Within })
		if c.acted = append(c.acted, now); len(c.acted) >= c.MaxRestarts {
			m.halt(CauseTooOften, fmt.Sprintf("check %s failed %d times in %s", c.Name, len(c.acted), service.Span(c.Within)))
			return
		}
		m.close(Starting, CauseStopstart, why)
	case Stop:
		m.halt(CauseStop, why)
	}
}

func failure(c *checkState) string {
	if c.detail == "" {
		return "check " + c.Name
	}
	return fmt.Sprintf("check %s: %s", c.Name, c.detail)
}

// halt stops the node by itself.
func (m *Machine) halt(cause Cause, why string) {
	if m.halted == "" {
		m.halted, m.cause = why, cause
	}
	m.wanted = false
	m.close(Off, m.cause, m.halted)
}

// close takes traffic out, and then the services down.
func (m *Machine) close(goal Phase, cause Cause, why string) {
	switch m.phase {
	case Off, Held:
		return
	case Closing, Stopping:
		// Off is for good; what comes back does so through the stricter one.
		if goal == Off || goal == Held && m.goal == Starting {
			m.goal, m.cause, m.reason = goal, cause, why
		}
		return
	}
	m.goal, m.cause = goal, cause
	if goal == Held {
		m.manual = m.params.Manual && m.phase == Ready
	}
	next := Closing
	if m.phase == Starting { // nothing was let in
		next = Stopping
	}
	m.enter(next, why)
}

func (m *Machine) enter(p Phase, why string) { m.phase, m.reason = p, why }

func (m *Machine) do(d Do, name, why string) { m.steps = append(m.steps, Step{d, name, why}) }

// inOrder are the checks in the configuration's order.
func (m *Machine) inOrder() []*checkState {
	all := make([]*checkState, len(m.params.Checks))
	for i, c := range m.params.Checks {
		all[i] = m.checks[c.Name]
	}
	return all
}
