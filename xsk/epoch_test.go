package xsk

import (
	"runtime"
	"sync/atomic"
	"testing"
)

func TestEpochPassed(t *testing.T) {
	var e epoch
	idle := e.mark()
	if !e.passed(idle) {
		t.Error("an idle queue has not passed")
	}
	e.enter()
	during := e.mark()
	if !e.passed(idle) || e.passed(during) {
		t.Error("a step has passed before its end, or what was before it has not")
	}
	e.enter() // the stack has not taken all: the next step is part of this one
	if e.passed(during) {
		t.Error("a step has passed with its successor's begin")
	}
	e.leave()
	if !e.passed(during) || !e.passed(e.mark()) {
		t.Error("a step that is over has not passed")
	}
	e.leave() // an idle step
	if !e.passed(e.mark()) {
		t.Error("leaving twice has begun a step")
	}
	e.enter()
	if !e.passed(during) || e.passed(e.mark()) {
		t.Error("a later step is taken for the one before")
	}
	e.leave()
}

// TestEpochGuardsTable has one side work by a table that the other replaces and
// spoils as soon as it may: the table's content is plain memory, so that the race
// detector sees a step that still uses it, and so does the step itself.
func TestEpochGuardsTable(t *testing.T) {
	type table struct{ good bool }
	var (
		e    epoch
		now  atomic.Pointer[table]
		stop atomic.Bool
		done = make(chan int)
		met  int // replacements that had to wait for a step
	)
	now.Store(&table{good: true})
	go func() {
		bad := 0
		for n := 0; !stop.Load(); n++ {
			e.enter()
			judged := now.Load()
			if n%3 == 0 {
				runtime.Gosched()
			}
			if !judged.good {
				bad++
			}
			if n%5 != 0 { // else what it passed is still pending
				e.leave()
			}
		}
		e.leave()
		done <- bad
	}()
	const enough = 2000
	for n := 0; met < enough && n < 1000*enough; n++ {
		old := now.Swap(&table{good: true})
		m := e.mark()
		if !e.passed(m) {
			met++
		}
		for !e.passed(m) {
			runtime.Gosched()
		}
		old.good = false
		runtime.Gosched()
	}
	stop.Store(true)
	if bad := <-done; bad > 0 {
		t.Errorf("%d steps by a table that was given up", bad)
	}
	if met < enough {
		t.Errorf("met a step under way %d times only: the test shows little", met)
	}
}
