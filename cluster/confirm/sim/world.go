// Package sim puts the confirmation protocol through random faults: joins,
// crashes, hangs, partitions, loss, delay, doubled and reordered messages,
// clocks that run apart, a membership that is wrong. It drives the very type
// that the daemon runs, [confirm.Node], from a seed, so that every run can be
// repeated, and watches from outside that no two nodes that can hear each other
// let new flows into one bucket, and that every bucket is served once things are
// quiet.
package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// Options say what a run is put through.
type Options struct {
	// Nodes is the size of the farm.
	Nodes int
	// Params are the timings of every node.
	Params confirm.Params
	// Mixed gives every other node the timings of profile lan, as in the middle of
	// a rolling change of profile.
	Mixed bool
	// Joining is how long a process needs at most until it hears the others and is
	// heard, since heartbeats go by a membership that it must join first; 0 is at
	// once.
	Joining time.Duration
	// Met has each configuration name some of the nodes only, and all nodes meet before
	// the first storm.
	Met bool
	// Single has one node serve all buckets, instead of each a part of them.
	Single bool
	// Faults are the kinds of faults that happen.
	Faults Faults
	// Every is the mean time between two faults.
	Every time.Duration
	// Rounds is how many times a storm of faults is followed by quiet.
	Rounds int
	// Storm is how long a storm lasts, Quiet how soon after it every bucket must be
	// served. Messages of the storm may still come 1.5 s late.
	Storm, Quiet time.Duration
	// Loss, Late and Double are the parts of the messages that are lost, come up
	// to 1.5 s late, come twice; in storms only.
	Loss, Late, Double float64
	// Drift is how far the clocks' rates may be off, in parts per million.
	Drift int64
	// Trace gets a line for everything that happens; nil for none.
	Trace io.Writer
}

// DefaultOptions are those of the project's own campaigns: PROTOCOL's faults and
// rates, three rounds.
func DefaultOptions() Options {
	return Options{
		Nodes: 4, Params: confirm.DefaultParams(), Faults: AllFaults,
		Every: 120 * time.Millisecond, Rounds: 3,
		Storm: 3 * time.Second, Quiet: 3 * time.Second,
		Loss: 0.10, Late: 0.08, Double: 0.05, Drift: 10_000,
	}
}

// Report is what came of one run.
type Report struct {
	// Seed repeats the run.
	Seed uint64
	// Events is how many inputs the nodes were given.
	Events uint64
	// Violation is what went wrong, nil if nothing did.
	Violation *Violation
	// Healed is the longest time from the end of a storm until every bucket was
	// served for good.
	Healed time.Duration
}

// Violation is one thing that must never happen.
type Violation struct {
	Kind Kind
	// At is the simulated time.
	At time.Duration
	// Detail says who and which bucket.
	Detail string
}

// Error tells the violation.
func (v *Violation) Error() string { return fmt.Sprintf("%s at %v: %s", v.Kind, v.At, v.Detail) }

// Kind is a kind of violation.
type Kind string

const (
	// Overlap is two nodes letting flows into one bucket, one of which must be
	// confirmed by the other or both by a third.
	Overlap Kind = "OVERLAP"
	// Disjoint is two nodes letting flows into one bucket though they have long
	// been able to hear each other, directly or through others.
	Disjoint Kind = "DISJOINT"
	// Deaf is a node that lets flows into another's bucket when it wakes up, before
	// it has read what the other has sent it meanwhile.
	Deaf Kind = "DEAF"
	// Ignored is a node that lets flows into a bucket which another one, by the last
	// that the first has read of it, was letting flows into, and has not stopped to:
	// its process may be dead, but its kernel's lease is not over.
	Ignored Kind = "IGNORED"
	// Split is two nodes letting flows into one bucket under partition majority,
	// whether they can hear each other or not.
	Split Kind = "SPLIT"
	// Unserved is a bucket that nobody serves though all has been quiet.
	Unserved Kind = "UNSERVED"
	// Failed is an error that a node returned.
	Failed Kind = "FAILED"
)

// world is one run.
type world struct {
	o        Options
	rng      *rand.Rand
	now      int64 // true time, ns
	queue    eventHeap
	order    uint64
	machines []*machine
	cut      [][]bool // cut[i][j]: nothing from i reaches j
	links    [][]link
	storm    bool
	shares   *shares.Table
	owners   [shares.Buckets]int // who had which bucket before a change
	report   Report
}

// Run simulates one farm.
func Run(seed uint64, o Options) Report {
	w := newWorld(seed, o)
	if o.Met {
		w.runFor(o.Quiet)
	}
	for range o.Rounds {
		w.round()
		if w.report.Violation != nil {
			break
		}
	}
	return w.report
}

func newWorld(seed uint64, o Options) *world {
	w := &world{o: o, rng: rand.New(rand.NewPCG(seed, 0x7468726573686572)), report: Report{Seed: seed}, shares: shares.New()}
	if o.Single {
		w.shares = shares.NewSingle()
	}
	w.now = int64(time.Second)
	w.cut = square[bool](o.Nodes)
	w.links = square[link](o.Nodes)
	for i := range o.Nodes {
		m := &machine{w: w, i: i, name: "n" + strconv.Itoa(i), weight: 1, alive: make([]bool, o.Nodes), words: make([]word, o.Nodes)}
		m.params = o.Params
		if o.Mixed && i%2 == 1 {
			m.params = confirm.LANParams()
		} else if o.Mixed {
			m.params.Longest = confirm.LANParams().Lease
		}
		if o.Met {
			m.params.Nodes = 1 + w.rng.IntN(o.Nodes)
		}
		m.offset = w.rng.Int64N(int64(time.Hour))
		if o.Drift > 0 {
			m.ppm = w.rng.Int64N(2*o.Drift+1) - o.Drift
		}
		w.machines = append(w.machines, m)
	}
	for _, m := range w.machines {
		w.at(w.between(0, 100*time.Millisecond), func() { m.boot(0) })
	}
	w.at(0, w.sample)
	return w
}

// square returns an n by n matrix.
func square[T any](n int) [][]T {
	m := make([][]T, n)
	for i := range m {
		m[i] = make([]T, n)
	}
	return m
}

// round lets a storm of faults rage, then heals everything and waits for quiet.
func (w *world) round() {
	w.storm = true
	w.at(w.between(0, w.o.Every), w.nextFault)
	w.runFor(w.o.Storm)
	w.storm = false
	w.heal()
	w.converge()
}

// converge runs until the farm has been whole for a while, and notes when it
// became so.
func (w *world) converge() {
	const while = int64(200 * time.Millisecond)
	end, start, whole := w.now+int64(w.o.Quiet), w.now, int64(-1)
	for w.now < end && (whole < 0 || w.now-whole < while) && w.report.Violation == nil {
		w.runFor(5 * time.Millisecond)
		if missing := w.unserved(); missing != 0 {
			whole = -1
		} else if whole < 0 {
			whole = w.now
		}
	}
	if whole < 0 {
		w.violate(Unserved, "buckets %012b %v after the last fault%s", w.unserved(), w.o.Quiet, w.describe())
		return
	}
	w.report.Healed = max(w.report.Healed, time.Duration(whole-start))
}

// unserved returns the buckets that nobody lets flows into.
func (w *world) unserved() uint64 {
	missing := shares.All
	for _, m := range w.machines {
		missing &^= m.open()
	}
	return missing
}

// violate notes the first violation of the run.
func (w *world) violate(kind Kind, format string, args ...any) {
	if w.report.Violation != nil {
		return
	}
	w.report.Violation = &Violation{Kind: kind, At: time.Duration(w.now), Detail: fmt.Sprintf(format, args...)}
	w.trace("%v", w.report.Violation)
}

// trace writes one line, if anybody reads it.
func (w *world) trace(format string, args ...any) {
	if w.o.Trace != nil {
		fmt.Fprintf(w.o.Trace, "%12.3f ms  %s\n", float64(w.now)/1e6, fmt.Sprintf(format, args...))
	}
}

// between returns a random span.
func (w *world) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(w.rng.Int64N(max(1, int64(hi-lo))))
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }
