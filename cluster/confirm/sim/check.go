package sim

import (
	"fmt"
	"time"

	"thresher/cluster/confirm"
)

// checkOne looks for another machine that lets flows into a bucket of m's.
func (w *world) checkOne(m *machine) {
	mine := m.open()
	if mine == 0 {
		return
	}
	for _, o := range w.machines {
		if both := mine & o.open(); o != m && both != 0 {
			w.checkPair(m, o, both)
		}
	}
}

// checkPair judges two machines that both let flows into the same buckets. Two
// that have a confirmer in common, or one that confirms the other, must not,
// whatever happens. Two that have none may do so as long as they cannot hear
// each other, and for the time that it takes to notice that they can.
func (w *world) checkPair(a, b *machine, both uint64) {
	ca, cb := a.kernel.confirmers|1<<a.i, b.kernel.confirmers|1<<b.i
	mutual := a.kernel.members&(1<<b.i) != 0 && b.kernel.members&(1<<a.i) != 0
	switch {
	case ca&cb != 0 || mutual:
		w.both(Overlap, a, b, both)
	case w.connected(a, b):
		w.both(Disjoint, a, b, both)
	case a.deafTo(b) || b.deafTo(a):
		w.both(Deaf, a, b, both)
	case a.ignores(b, both) || b.ignores(a, both):
		w.both(Ignored, a, b, both)
	case w.o.Params.Partition == confirm.Majority:
		w.both(Split, a, b, both)
	}
}

// ignores says whether o's kernel still goes by a lease that it had when o sent the
// last heartbeat that this machine's process has read, which also said that o let
// flows into one of the buckets.
func (m *machine) ignores(o *machine, buckets uint64) bool {
	if m.node == nil || m.hung {
		return false
	}
	said := m.words[o.i]
	then := o.clockAt(said.sent)
	return said.open&buckets != 0 && o.kernel.deadline <= then.Add(o.params.Lease)
}

// both notes two machines that must not both let flows into the buckets.
func (w *world) both(kind Kind, a, b *machine, buckets uint64) {
	w.violate(kind, "%s and %s both let flows into %012b%s", a.name, b.name, buckets, w.describe())
}

// sample looks at all pairs every few milliseconds: two nodes may have begun to
// be connected without doing anything themselves.
func (w *world) sample() {
	for i, m := range w.machines {
		if mine := m.open(); mine != 0 {
			for _, o := range w.machines[i+1:] {
				if both := mine & o.open(); both != 0 {
					w.checkPair(m, o, both)
				}
			}
		}
	}
	w.at(10*time.Millisecond, w.sample)
}

// connected says whether a chain of running machines has heard each other both
// ways for longer than a side may need to notice.
func (w *world) connected(a, b *machine) bool {
	long := w.o.Params.Lease + w.o.Params.Heard + 60*time.Millisecond
	reached := uint64(1) << a.i
	for grown := true; grown; {
		grown = false
		for i := range w.machines {
			for j := range w.machines {
				from, to := uint64(1)<<i, uint64(1)<<j
				if reached&from != 0 && reached&to == 0 && w.bothWays(i, j, long) {
					reached |= to
					grown = true
				}
			}
		}
	}
	return reached&(1<<b.i) != 0
}

// bothWays says whether two machines are running and have long heard each other.
func (w *world) bothWays(i, j int, long time.Duration) bool {
	for _, m := range []*machine{w.machines[i], w.machines[j]} {
		if m.node == nil || m.hung {
			return false
		}
	}
	return w.links[i][j].goodFor(w.now, w.gap(), long) && w.links[j][i].goodFor(w.now, w.gap(), long)
}

// describe tells the state of all machines, for a person who reads a violation.
func (w *world) describe() string {
	s := ""
	for _, m := range w.machines {
		s += fmt.Sprintf("\n\t%s: lets in %012b (confirmers %b), hung %v, left %v", m.name, m.open(), m.kernel.confirmers, m.hung, m.left)
		if m.node != nil {
			s += fmt.Sprintf(", %+v", m.node.Status())
		}
	}
	return s
}
