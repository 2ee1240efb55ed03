package life

import (
	"slices"
	"strings"
	"time"

	"thresher/health/check"
	"thresher/health/service"
)

// advance goes on as far as things stand, and returns what is to be done.
func (m *Machine) advance(now time.Time) []Step {
	for before := Phase(255); before != m.phase; {
		before = m.phase
		m.advance1()
	}
	m.lookAfterChecks()
	steps := m.steps
	m.steps = nil
	return steps
}

func (m *Machine) advance1() {
	switch m.phase {
	case Off:
		if m.wanted {
			m.enter(Held, "")
		}
	case Held:
		m.held()
	case Starting:
		m.starting()
	case Stopping:
		m.stopping()
	}
}

// held goes on when every check that the node waits for is up.
func (m *Machine) held() {
	if !m.wanted {
		m.enter(Off, m.halted)
		return
	}
	m.lookAfterChecks()
	var failing, pending []string
	for _, c := range m.inOrder() {
		switch {
		case c.Action != Wait || m.suspended || c.verdict == check.Up:
		case c.verdict == check.Down:
			failing = append(failing, failure(c))
		case c.latched: // down before, and asked anew
			failing = append(failing, "check "+c.Name)
		default:
			pending = append(pending, c.Name)
		}
	}
	m.asking = len(failing) == 0 && len(pending) > 0
	switch {
	case len(failing) > 0:
		m.reason = strings.Join(failing, ", ")
	case len(pending) > 0:
		m.reason = "asking check " + strings.Join(pending, ", ")
	case m.manual:
		m.reason = "what was wanting is back; `thresher start` brings this node up"
	default:
		m.enter(Starting, "")
	}
}

// starting starts each service when those before it are up.
func (m *Machine) starting() {
	var missing []string
	for _, s := range m.params.Services {
		if m.services[s.Name] == service.Up {
			continue
		}
		missing = append(missing, s.Name)
		if !m.asked[s.Name] && m.services[s.Name] == service.Stopped && m.allUp(s.After) {
			m.asked[s.Name] = true
			m.do(WantService, s.Name, "")
		}
	}
	if len(missing) > 0 {
		m.reason = "starting " + strings.Join(missing, ", ")
		return
	}
	m.lookAfterChecks()
	var pending []string
	for _, c := range m.inOrder() {
		if !c.Pre && c.runs && c.verdict == check.Unknown && !m.suspended {
			pending = append(pending, c.Name)
		}
	}
	if len(pending) > 0 {
		m.reason = "asking check " + strings.Join(pending, ", ")
		return
	}
	m.enter(Ready, "")
}

func (m *Machine) allUp(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return m.services[n] != service.Up })
}

// stopping stops each service when those that need it are stopped.
func (m *Machine) stopping() {
	left := false
	for _, s := range m.params.Services {
		if m.services[s.Name] == service.Stopped && !m.asked[s.Name] {
			continue
		}
		left = left || m.services[s.Name] != service.Stopped
		if m.asked[s.Name] && !m.needed(s.Name) {
			m.asked[s.Name] = false
			m.do(UnwantService, s.Name, "")
		}
	}
	if left {
		return
	}
	switch {
	case m.goal == Off || !m.wanted:
		m.enter(Off, m.halted)
	default: // what it has to wait for may have failed meanwhile
		m.enter(Held, m.reason)
	}
}

// needed says whether a service that is not stopped needs that one.
func (m *Machine) needed(name string) bool {
	return slices.ContainsFunc(m.params.Services, func(s Service) bool {
		return m.services[s.Name] != service.Stopped && slices.Contains(s.After, name)
	})
}

// lookAfterChecks runs those that are to run now: what the services need from held
// on, and what looks at services while these are up.
func (m *Machine) lookAfterChecks() {
	for _, c := range m.inOrder() {
		runs := m.phase != Off
		if !c.Pre {
			runs = (m.phase == Starting || m.phase == Ready) && m.allUp(c.Services)
		}
		if runs == c.runs {
			continue
		}
		c.runs = runs
		if runs {
			m.do(RunCheck, c.Name, "")
			continue
		}
		// In place, rules come back only when the check has seen that they may.
		c.latched = m.phase == Ready || c.latched && m.phase != Off
		c.verdict = check.Unknown
		m.do(EndCheck, c.Name, "")
	}
}

// Withdrawn are the rules that must not be served here now, with the reason. A node
// that is not ready serves none, and has none here.
func (m *Machine) Withdrawn() map[string]string {
	rules := make(map[string]string)
	if m.phase != Ready || m.suspended {
		return rules
	}
	add := func(names []string, why string) {
		for _, r := range names {
			if rules[r] == "" {
				rules[r] = why
			}
		}
	}
	for _, s := range m.params.Services {
		if state := m.services[s.Name]; state != service.Up {
			add(s.Rules, "service "+s.Name+" is "+state.String())
		}
	}
	for _, c := range m.inOrder() {
		switch {
		case c.verdict == check.Down:
			add(c.Rules, failure(c))
		case c.latched:
			add(c.Rules, "check "+c.Name+" has not been up again yet")
		}
	}
	return rules
}
