package supervise

import (
	"time"

	"thresher/health/life"
	"thresher/health/service"
)

// Handed is what a process that goes on in this one's place has to know.
type Handed struct {
	Ready, Suspended bool
	Failures         map[string][]time.Time
	// Started is when services were begun to be started, by name.
	Started map[string]time.Time
	// Weights are what agents want, by check.
	Weights map[string]int
	// Latched are the checks whose rules are withdrawn until they are up.
	Latched []string
}

// HandOver returns what the next process has to know.
func (s *Supervisor) HandOver() (h Handed) {
	s.do(func(time.Time) {
		phase, _ := s.life.Phase()
		h = Handed{
			Ready: phase == life.Ready, Suspended: s.life.Suspended(), Latched: s.life.Latched(),
			Failures: make(map[string][]time.Time), Started: make(map[string]time.Time), Weights: make(map[string]int),
		}
		for _, r := range s.services {
			h.Failures[r.config.Name], h.Started[r.config.Name] = r.machine.Record(), r.begun
		}
		for _, r := range s.checks {
			if r.weight >= 0 {
				h.Weights[r.config.Name] = r.weight
			}
		}
	})
	return h
}

// Adopt goes on from where another process was: its services run. It says whether
// the node is ready; it is not if it was not, or if there are services that the
// other did not have.
func (s *Supervisor) Adopt(h Handed) bool {
	for _, r := range s.services {
		_, had := h.Failures[r.config.Name]
		h.Ready = h.Ready && had
	}
	s.do(func(now time.Time) {
		if h.Suspended {
			s.carryOut(now, s.life.Suspend(now, true))
		}
		if !h.Ready {
			return
		}
		for _, r := range s.services {
			r.machine.Adopt(h.Failures[r.config.Name])
			r.told, r.begun = service.Up, h.Started[r.config.Name]
			s.command(now, r, r.machine.Pause(now, h.Suspended))
		}
		for _, r := range s.checks {
			if weight, has := h.Weights[r.config.Name]; has && r.isAgent() {
				r.weight = weight
			}
		}
		s.carryOut(now, s.life.Adopt(now, h.Latched))
	})
	return h.Ready
}
