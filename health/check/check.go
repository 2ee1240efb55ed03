package check

import (
	"fmt"
	"time"
)

// Verdict is what a check says after damping.
type Verdict uint8

const (
	// Unknown is before the first verdict, and while the check does not run.
	Unknown Verdict = iota
	// Up is well.
	Up
	// Down is not.
	Down
)

// String returns the verdict as status and events have it.
func (v Verdict) String() string {
	switch v {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// Params are a check's own.
type Params struct {
	// Interval is the most from the beginning of one run to that of the next.
	Interval time.Duration
	// Timeout is how long a run may take. What runs it ends it by then; the machine
	// goes on without it Grace later.
	Timeout time.Duration
	// Jitter is by how much of it an interval may be shorter, 0 to 0.5, so that many
	// checks, on many nodes, do not ask one server at once. It is never longer: that is
	// what how soon a failure is noticed rests on.
	Jitter float64
	// Grid is a moment in the past that all checks of a node share. Runs begin whole steps after
	// it as far as their jitter allows, so that the node wakes up once for many. Zero
	// is for a check by itself.
	Grid time.Time
	// Rise and Fall are how many results in a row change the verdict, 1 or more.
	Rise, Fall int
}

// Grace is how long after its timeout a run that does not end is given up.
const Grace = 100 * time.Millisecond

// Result is what one run has found.
type Result struct {
	OK bool
	// Detail says in a few words what was found, above all what is wrong.
	Detail string
}

// Run is a run to be begun; 0 is none. Runs are numbered.
type Run uint64

// Change is a new verdict.
type Change struct {
	From, To Verdict
	Detail   string
}

// Machine is one check: when it runs, and what becomes of the results. Its methods
// are called in the order of time.
type Machine struct {
	params Params
	random func() float64 // in [0, 1)

	running bool // whether it is to run at all
	verdict Verdict
	streak  int    // results in a row that speak against the verdict
	detail  string // of the last result

	last     Run       // the last run begun
	begun    time.Time // when it began
	under    bool      // whether it is under way
	deadline time.Time // by when it must have ended
	next     time.Time // when the next one begins
	known    time.Time // by when the next failure in a row is to be known
	forgives time.Time // until when failures before the first success do not count
	stuck    map[Run]bool
}

// New makes a check that does not run yet. random is rand.Float64 outside tests.
func New(p Params, random func() float64) *Machine {
	return &Machine{params: p, random: random, stuck: make(map[Run]bool)}
}

// Verdict is what the check says, and what its last run has found.
func (m *Machine) Verdict() (Verdict, string) { return m.verdict, m.detail }

// Running says whether the check runs.
func (m *Machine) Running() bool { return m.running }

// Forgive has failures of runs that begin before a moment not count while there is no
// verdict: what the check looks at has begun to come up, and gets that time.
func (m *Machine) Forgive(until time.Time) { m.forgives = until }

// Start begins anew: at once, and without a verdict.
func (m *Machine) Start(now time.Time) Run {
	if m.running {
		return 0
	}
	m.running, m.verdict, m.streak, m.detail = true, Unknown, 0, ""
	return m.begin(now)
}

// Stop ends it. Results of runs that are under way count no more.
func (m *Machine) Stop() *Change {
	if !m.running {
		return nil
	}
	m.giveUp()
	m.running, m.next = false, time.Time{}
	m.streak, m.detail = 0, ""
	return m.turn(Unknown)
}

// giveUp goes on without the run that is under way.
func (m *Machine) giveUp() {
	if m.under {
		m.stuck[m.last] = true
		m.under = false
	}
}

// begin begins a run. While one that was given up has not ended, there is no
// other: a check that hangs must not pile up.
func (m *Machine) begin(now time.Time) Run {
	m.begun, m.next = now, m.params.next(now, m.random())
	m.last++
	if len(m.stuck) > 0 {
		return 0
	}
	m.under, m.deadline = true, now.Add(m.params.Timeout+Grace)
	return m.last
}

// Ended takes the result of a run that has ended now.
func (m *Machine) Ended(now time.Time, run Run, r Result) *Change {
	if m.stuck[run] {
		delete(m.stuck, run)
		return nil
	}
	if !m.under || run != m.last {
		return nil
	}
	m.under = false
	return m.judge(now, r, now.Sub(m.begun))
}

// Tick lets time pass: a run may have to begin, and one that hangs be given up.
func (m *Machine) Tick(now time.Time) (run Run, change *Change) {
	if !m.running {
		return 0, nil
	}
	hung := m.under && !now.Before(m.deadline)
	if hung {
		m.giveUp()
		change = m.judge(now, Result{Detail: m.hangs()}, 0)
	}
	if now.Before(m.next) || m.under {
		return 0, change
	}
	if run = m.begin(now); run == 0 && !hung {
		change = m.judge(now, Result{Detail: m.hangs()}, 0)
	}
	return run, change
}

func (m *Machine) hangs() string { return fmt.Sprintf("hangs for more than %v", m.params.Timeout) }

// judge counts a result. takes is how long the next run may take to have the same.
func (m *Machine) judge(now time.Time, r Result, takes time.Duration) *Change {
	m.detail = r.Detail
	says, needed := Down, m.params.Fall
	if r.OK {
		says, needed = Up, m.params.Rise
	}
	switch {
	case m.verdict != Unknown:
	case says == Up:
		needed = 1 // whoever waits for the first verdict need not wait for more
	case m.begun.Before(m.forgives):
		return nil
	}
	if says == m.verdict {
		m.streak = 0
		return nil
	}
	if m.streak++; m.streak < needed {
		if says == Down {
			m.hasten(now, takes)
		}
		return nil
	}
	m.streak = 0
	return m.turn(says)
}

func (m *Machine) turn(to Verdict) *Change {
	if m.verdict == to {
		return nil
	}
	c := &Change{From: m.verdict, To: to, Detail: m.detail}
	m.verdict = to
	return c
}

// Due is when Tick has something to do; zero for never.
func (m *Machine) Due() time.Time {
	switch {
	case !m.running:
		return time.Time{}
	case m.under:
		return m.deadline
	}
	return m.next
}
