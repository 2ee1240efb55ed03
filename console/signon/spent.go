package signon

import (
	"sync"
	"time"
)

// maxSpent bounds the memory. Who spends more within FlowLife, which takes many
// addresses, can use the oldest ones again: the issuer takes no code twice.
const maxSpent = 4096

// spent are the flows that somebody has come back with, by their states: each is good
// once, whatever the browser does with its cookie.
type spent struct {
	mu   sync.Mutex
	ends map[string]time.Time
}

// first tells whether f comes for the first time, and remembers it until it ends.
func (s *spent) first(now time.Time, f flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.ends[f.State]; again {
		return false
	}
	s.makeRoom(now)
	if s.ends == nil {
		s.ends = make(map[string]time.Time)
	}
	s.ends[f.State] = f.Ends
	return true
}

// makeRoom forgets, of a full memory, what is over, or else what ends first.
func (s *spent) makeRoom(now time.Time) {
	if len(s.ends) < maxSpent {
		return
	}
	var oldest string
	for state, ends := range s.ends {
		if !now.Before(ends) {
			delete(s.ends, state)
		} else if oldest == "" || ends.Before(s.ends[oldest]) {
			oldest = state
		}
	}
	if len(s.ends) >= maxSpent {
		delete(s.ends, oldest)
	}
}
