package service

import (
	"fmt"
	"slices"
	"time"
)

// State is where a service stands.
type State uint8

const (
	// Stopped runs not, as wished or as it has failed too often.
	Stopped State = iota
	// Starting is being started, or has been and is not ready yet.
	Starting
	// Up is started and ready.
	Up
	// Stopping is being stopped.
	Stopping
	// Lost has ended by itself while nothing acts on it.
	Lost
)

// String returns the state as status and events have it.
func (s State) String() string {
	return [...]string{"stopped", "starting", "up", "stopping", "down"}[s]
}

// Params are a service's own.
type Params struct {
	Name string
	// StartTimeout is for starting and getting ready, StopTimeout for stopping.
	StartTimeout, StopTimeout time.Duration
	// MaxRestarts failures within Within are too many.
	MaxRestarts int
	Within      time.Duration
}

// Command is what is to be done; its end is to be reported by Ended.
type Command uint8

const (
	// None is nothing.
	None Command = iota
	// Start starts the service and waits until it is ready.
	Start
	// Stop stops it.
	Stop
	// ForceStop ends it without asking: what is left of the command under way, and
	// of the service.
	ForceStop
)

// String returns the command's name.
func (c Command) String() string { return [...]string{"none", "start", "stop", "force stop"}[c] }

// Machine is one service. Its methods are called in the order of time; each
// returns the command that is to be begun now.
type Machine struct {
	params Params

	state  State
	detail string // of the last failure
	wanted bool   // whether it is to run
	again  bool   // whether it is to be stopped and started once more
	pause  bool   // whether nothing is done about what happens by itself

	under    Command // under way
	deadline time.Time
	failures []time.Time
	gaveUp   bool
}

// New makes a service that does not run.
func New(p Params) *Machine { return &Machine{params: p} }

// State is where it stands, and what went wrong last.
func (m *Machine) State() (State, string) { return m.state, m.detail }

// GaveUp says in how many failures the service has been given up; "" if it has not.
func (m *Machine) GaveUp() string {
	if !m.gaveUp {
		return ""
	}
	return fmt.Sprintf("%s failed %d times in %s", m.params.Name, len(m.failures), Span(m.params.Within))
}

// Failures are how often it has failed within the window.
func (m *Machine) Failures(now time.Time) int {
	m.prune(now)
	return len(m.failures)
}

// Reset forgets the failures.
func (m *Machine) Reset() { m.failures, m.gaveUp, m.detail = nil, false, "" }

// Want says that the service is to run.
func (m *Machine) Want(now time.Time) Command {
	m.wanted = true
	return m.next(now)
}

// Unwant says that it is not. force ends it without asking.
func (m *Machine) Unwant(now time.Time, force bool) Command {
	m.wanted, m.again = false, false
	if force && m.state != Stopped {
		m.state = Stopping
		return m.command(now, ForceStop)
	}
	return m.next(now)
}

// Fail says that the service, though it runs, does not do its work: it counts as a
// failure, and has it restarted. While it is being restarted already, it does not.
func (m *Machine) Fail(now time.Time, why string) Command {
	if m.pause || m.state != Up {
		return None
	}
	return m.failed(now, why)
}

// Died says that it has ended by itself.
func (m *Machine) Died(now time.Time, why string) Command {
	if m.state != Up {
		return None // the command under way notices by itself
	}
	if m.pause {
		m.state, m.detail = Lost, why
		return None
	}
	return m.failed(now, why)
}

// Pause has nothing done about what happens by itself, for maintenance; without it
// the machine makes up for what has happened.
func (m *Machine) Pause(now time.Time, pause bool) Command {
	m.pause = pause
	return m.next(now)
}

// Adopt takes the service for running, as it was found. Failures are those of an
// earlier process.
func (m *Machine) Adopt(failures []time.Time) {
	m.state, m.wanted, m.failures = Up, true, failures
}

// Record is when it has failed, for Adopt.
func (m *Machine) Record() []time.Time { return slices.Clone(m.failures) }

// failed counts a failure, and restarts the service or gives it up.
func (m *Machine) failed(now time.Time, why string) Command {
	m.count(now, why)
	m.again = true
	return m.next(now)
}

func (m *Machine) count(now time.Time, why string) {
	m.detail = why
	m.prune(now)
	m.failures = append(m.failures, now)
	if len(m.failures) >= m.params.MaxRestarts {
		m.gaveUp, m.wanted = true, false
	}
}

// prune forgets failures that are Within old.
func (m *Machine) prune(now time.Time) {
	if m.gaveUp {
		return // until Reset, for GaveUp to say
	}
	m.failures = slices.DeleteFunc(m.failures, func(t time.Time) bool { return now.Sub(t) >= m.params.Within })
}

// Ended takes the end of a command; err is "" if it has succeeded.
func (m *Machine) Ended(now time.Time, c Command, err string) Command {
	if c != m.under {
		return None // given up before
	}
	m.under = None
	switch {
	case c == Start && err == "":
		m.state = Up
	case c == Start:
		m.count(now, err)
		m.state, m.again = Lost, true // what has been started of it is to be stopped
	case c == Stop && err != "":
		m.detail = err
		return m.command(now, ForceStop)
	default:
		m.state, m.again = Stopped, false
		if err != "" {
			m.detail = err
		}
	}
	return m.next(now)
}

// Tick lets time pass: a command may take too long.
func (m *Machine) Tick(now time.Time) Command {
	if m.under == None || now.Before(m.deadline) {
		return None
	}
	switch m.under {
	case Start:
		m.count(now, fmt.Sprintf("not ready within %v", m.params.StartTimeout))
		m.state, m.again = Stopping, true
		return m.command(now, ForceStop)
	case Stop:
		m.detail = fmt.Sprintf("not stopped within %v", m.params.StopTimeout)
		return m.command(now, ForceStop)
	}
	// Nothing is left to be tried: what does not end by force never ends.
	m.under, m.state, m.again = None, Stopped, false
	m.detail = "does not end by force"
	return m.next(now)
}

// next is what is to be done now. Of what was wished while a command was under way,
// the latest counts.
func (m *Machine) next(now time.Time) Command {
	if m.under != None {
		return None
	}
	switch {
	case m.state == Stopped && m.wanted && !m.gaveUp:
		m.state = Starting
		return m.command(now, Start)
	case m.state == Lost && m.pause && m.wanted:
		return None
	case m.state == Lost, m.state == Up && (!m.wanted || m.again):
		m.state = Stopping
		return m.command(now, Stop)
	}
	return None
}

func (m *Machine) command(now time.Time, c Command) Command {
	patience := m.params.StopTimeout
	if c == Start {
		patience = m.params.StartTimeout
	}
	m.under, m.deadline = c, now.Add(patience)
	return c
}

// Due is when Tick has something to do; zero for never.
func (m *Machine) Due() time.Time {
	if m.under == None {
		return time.Time{}
	}
	return m.deadline
}

// Span writes a duration as people say it: 24 h, 90 min, 30 s.
func Span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprintf("%d %s", d/u.unit, u.name)
		}
	}
	return d.String()
}
