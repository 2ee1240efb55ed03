package xsk

import "sync/atomic"

// epoch tells others how far one goroutine has come with its steps: it is odd
// from the begin of a step until the kernel has taken all that the step passed,
// and even otherwise. Only the goroutine itself changes it.
//
// Why a change of what a step judges by can wait for it: the goroutine enters,
// and loads the table then; the other side stores a new table, and reads the
// epoch then. All four are sequentially consistent. If the load still got the
// old table, it came before the store, so entering came before the reading: the
// reading sees that step's odd number, or a later one. An even number, or any
// number other than the one that was read, thus means that every step with the
// old table is over, and every step that begins afterwards loads the new one. A
// goroutine that is descheduled between its load and its end keeps its odd number
// meanwhile, however long that takes.
type epoch struct{ n atomic.Uint64 }

// enter begins a step. A step whose predecessor has not left yet becomes part
// of it.
func (e *epoch) enter() {
	if e.n.Load()&1 == 0 {
		e.n.Add(1)
	}
}

// leave ends the step, if there is one.
func (e *epoch) leave() {
	if e.n.Load()&1 != 0 {
		e.n.Add(1)
	}
}

// Mark is a moment in a queue's work; see Passed.
type Mark uint64

func (e *epoch) mark() Mark { return Mark(e.n.Load()) }

func (e *epoch) passed(m Mark) bool { return m&1 == 0 || e.mark() != m }
