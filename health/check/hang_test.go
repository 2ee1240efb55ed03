package check

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// answers is how long a server that is well takes.
const answers = 3 * time.Millisecond

// server answers unless it hangs, which it does from one moment to another.
type server struct{ hangs, resumes time.Time }

// ends is when a run that begins now ends, and whether the server has answered.
func (s server) ends(begun time.Time, timeout time.Duration) (time.Time, bool) {
	end := begun.Add(answers)
	if end.After(s.hangs) && begun.Before(s.resumes) {
		end = s.resumes.Add(answers)
	}
	if limit := begun.Add(timeout); end.After(limit) {
		return limit, false
	}
	return end, true
}

// watch drives a check of a server from now on, and returns when its verdict changed:
// up, down and up again.
func watch(p Params, s server, now time.Time) (changes []time.Time) {
	m := New(p, rand.Float64)
	run := m.Start(now)
	for len(changes) < 3 {
		var change *Change
		if run != 0 {
			end, ok := s.ends(now, p.Timeout)
			now = end
			change, run = m.Ended(now, run, Result{OK: ok}), 0
		} else {
			now = m.Due()
			run, change = m.Tick(now)
		}
		if change != nil {
			changes = append(changes, now)
		}
	}
	return changes
}

// hangs are checks, and how long each takes at the most to notice that a server hangs.
func hangs() (all []Params) {
	for _, interval := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 10 * time.Second} {
		for _, timeout := range []float64{0.1, 0.25, 0.5, 0.66, 0.8, 1, 1.5} {
			for _, fall := range []int{1, 2, 3, 5} {
				for _, jitter := range []float64{0, 0.05, 0.5} {
					all = append(all, Params{Interval: interval, Timeout: time.Duration(timeout * float64(interval)),
						Jitter: jitter, Grid: epoch.Add(-time.Hour), Rise: 2, Fall: fall})
				}
			}
		}
	}
	return all
}

// TestHang: whenever a server begins to hang, it is down within interval times fall, if
// all of a row's timeouts have room in that beside the interval before the first; else
// within these. It is up within interval times rise, and its answer, after it resumes.
// Without jitter there is a moment when it takes as long as that.
func TestHang(t *testing.T) {
	const phases = 97 // of the interval, in which the hang begins
	for _, p := range hangs() {
		t.Run(fmt.Sprintf("interval %v timeout %v fall %d jitter %v", p.Interval, p.Timeout, p.Fall, p.Jitter), func(t *testing.T) {
			_, most := p.Noticed()
			var worst time.Duration
			for i := range phases {
				phase := time.Duration(i) * p.Interval / phases
				s := server{hangs: epoch.Add(7*p.Interval + phase)}
				s.resumes = s.hangs.Add(20*p.Interval + time.Duration(rand.Int64N(int64(p.Interval))))
				changes := watch(p, s, epoch)
				noticed, back := changes[1].Sub(s.hangs), changes[2].Sub(s.resumes)
				if noticed < 0 || noticed > most {
					t.Fatalf("it hangs %v after a run began: down after %v, want at most %v", phase, noticed, most)
				}
				if limit := time.Duration(p.Rise)*p.Interval + answers; back > limit {
					t.Fatalf("it hangs %v after a run began: up %v after it resumes, want at most %v", phase, back, limit)
				}
				worst = max(worst, noticed)
			}
			if least := most - p.Interval/phases - answers; p.Jitter == 0 && worst < least {
				t.Errorf("down after %v at the most, though it may take %v", worst, most)
			}
		})
	}
}

// TestHasten: failures in a row that take their time are known an interval apart, as
// those at once are.
func TestHasten(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes []time.Duration // of runs that fail
		begin []time.Duration // of each run, from the first on
	}{
		{"at once", []time.Duration{0, 0, 0, 0}, []time.Duration{0, 10, 20, 30, 40}},
		{"a bit", []time.Duration{2, 2, 2, 2}, []time.Duration{0, 8, 18, 28, 38}},
		{"half", []time.Duration{5, 5, 5, 5}, []time.Duration{0, 5, 15, 25, 35}},
		{"more: it catches up", []time.Duration{7, 7, 7, 7}, []time.Duration{0, 7, 14, 23, 33}},
		{"all: it never does", []time.Duration{10, 10, 10, 10}, []time.Duration{0, 10, 20, 30, 40}},
		{"more than all", []time.Duration{15, 15, 15, 15}, []time.Duration{0, 15, 30, 45, 60}},
		{"at once, then not", []time.Duration{0, 5, 0, 5}, []time.Duration{0, 10, 15, 25, 35}},
		{"the last of a row", []time.Duration{2, 2, 2, 2, 2, 2}, []time.Duration{0, 8, 18, 28, 38, 48, 58}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Params{Interval: 10 * time.Second, Timeout: 20 * time.Second, Rise: 2, Fall: 5}, middle)
			now := epoch
			run := m.Start(now)
			for i, takes := range tt.takes {
				if got := now.Sub(epoch); got != tt.begin[i]*time.Second {
					t.Fatalf("run %d begins after %v, want %v", i+1, got, tt.begin[i]*time.Second)
				}
				now = now.Add(takes * time.Second)
				m.Ended(now, run, Result{})
				now = m.Due()
				if run, _ = m.Tick(now); run == 0 {
					t.Fatalf("no run begins after run %d", i+1)
				}
			}
			if got, want := now.Sub(epoch), tt.begin[len(tt.takes)]*time.Second; got != want {
				t.Errorf("the last run begins after %v, want %v", got, want)
			}
		})
	}
}
