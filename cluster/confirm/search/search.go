// Package search explores every schedule of a few faults in a small farm: where
// the simulation (cluster/confirm/sim) draws faults by chance, this leaves none
// out. It drives the same type that the daemon runs, [confirm.Node].
//
// The model: time goes in ticks of one heartbeat; clocks are equal; a heartbeat
// arrives one tick after it was sent. The farm has come to rest when the search
// begins. In every tick at most one fault happens to one node or pair of nodes:
// a crash and a new process, a hang and its end, a changed weight, a membership
// that changes its mind, a direction that is cut or mended, a heartbeat to all
// that takes four ticks. Every schedule of at most so many faults in so many
// ticks is followed, and after every step of a node no two machines may let
// flows into one bucket while one confirms the other or a third confirms both.
package search

import (
	"fmt"
	"strings"
	"time"

	"thresher/cluster/confirm"
)

// Options bound a search.
type Options struct {
	// Nodes is the size of the farm.
	Nodes int
	// Ticks is how long a schedule is, in heartbeats.
	Ticks int
	// Faults is how many faults a schedule has at most.
	Faults int
	// Params are the timings. Short ones reach more within few ticks.
	Params confirm.Params
	// Heal checks besides, after every schedule, that everything is served again
	// within so many ticks of quiet; 0 for not.
	Heal int
}

// ShortParams are timings of as few heartbeats as rule 5 allows, so that a lease
// ends within eight ticks.
func ShortParams() confirm.Params {
	p := confirm.DefaultParams()
	p.Lease, p.Eviction, p.Heard = 350*time.Millisecond, 200*time.Millisecond, 150*time.Millisecond
	p.RoundTrip = 10 * time.Millisecond
	return p
}

// Report is what a search came to.
type Report struct {
	// Schedules and Ticks are how many were followed.
	Schedules, Ticks uint64
	// Violation tells the first thing that went wrong and the faults that led to
	// it, empty if nothing did.
	Violation string
}

// search is one search under way.
type search struct {
	o      Options
	report Report
	faults []string // on the way to where the search is
}

// Run follows every schedule, or those up to the first violation.
func Run(o Options) Report {
	s := &search{o: o}
	f, err := atRest(o)
	if err != nil {
		s.report.Violation = err.Error()
		return s.report
	}
	s.follow(f, o.Ticks, o.Faults)
	return s.report
}

// follow lets ticks go by from one state, with every choice of at most that many
// faults. It returns false once a violation is found.
func (s *search) follow(f *farm, ticks, faults int) bool {
	if ticks == 0 {
		s.report.Schedules++
		return s.heals(f)
	}
	if faults > 0 {
		for _, fault := range f.possible() {
			branch := f.clone()
			s.faults = append(s.faults, fmt.Sprintf("tick %d: %v", s.o.Ticks-ticks, fault))
			branch.do(fault)
			if !s.tick(branch) || !s.follow(branch, ticks-1, faults-1) {
				return false
			}
			s.faults = s.faults[:len(s.faults)-1]
		}
	}
	// The last use of this state needs no copy of it.
	return s.tick(f) && s.follow(f, ticks-1, faults)
}

// tick lets one tick go by.
func (s *search) tick(f *farm) bool {
	s.report.Ticks++
	f.tick()
	if f.violation == "" {
		return true
	}
	s.report.Violation = f.violation + "\n\t" + strings.Join(s.faults, "\n\t")
	return false
}

// heals ends all faults and sees whether everything is served in time.
func (s *search) heals(f *farm) bool {
	if s.o.Heal == 0 {
		return true
	}
	f.heal()
	for range s.o.Heal {
		if !s.tick(f) {
			return false
		}
		if f.unserved() == 0 {
			return true
		}
	}
	s.report.Violation = fmt.Sprintf("buckets %012b unserved %d ticks after the last fault\n\t%s",
		f.unserved(), s.o.Heal, strings.Join(s.faults, "\n\t"))
	return false
}
