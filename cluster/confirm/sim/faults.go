package sim

import (
	"time"

	"thresher/cluster/confirm"
)

// Faults is a set of kinds of faults.
type Faults uint

// The kinds of faults.
const (
	// Crash kills a process and starts a new one later.
	Crash Faults = 1 << iota
	// Restart kills a process and starts a new one within 100 ms, sometimes with
	// the clock set back.
	Restart
	// Hang stops a process; messages wait in its sockets.
	Hang
	// Cut lets nothing pass from one machine to another, one-way or both ways,
	// or splits the farm.
	Cut
	// Leave drains a node and takes it back later.
	Leave
	// Weight changes a node's weight.
	Weight
	// Flap makes a membership wrong about a peer.
	Flap
	// HandOver is a planned restart.
	HandOver

	// AllFaults are all of them.
	AllFaults = 1<<iota - 1
)

// nextFault does something bad, and plans the next.
func (w *world) nextFault() {
	if !w.storm {
		return
	}
	var kinds []Faults
	for f := Faults(1); f < AllFaults; f <<= 1 {
		if w.o.Faults&f != 0 {
			kinds = append(kinds, f)
		}
	}
	if len(kinds) > 0 {
		w.fault(kinds[w.rng.IntN(len(kinds))], w.machines[w.rng.IntN(len(w.machines))])
	}
	w.at(w.between(w.o.Every/8, 2*w.o.Every), w.nextFault)
}

// fault does one bad thing to a machine.
func (w *world) fault(f Faults, m *machine) {
	switch f {
	case Crash:
		m.crash()
		w.opinions(m, false, 350, 740)
		w.at(w.between(0, 1500*time.Millisecond), func() { m.boot(0); w.opinions(m, true, 10, 200) })
	case Restart:
		m.crash()
		skew := time.Duration(0)
		if w.chance(0.3) {
			skew = w.between(0, 5*time.Second)
		}
		w.at(w.between(0, 100*time.Millisecond), func() { m.boot(skew); w.opinions(m, true, 10, 200) })
	case Hang:
		if m.node == nil || m.hung {
			return
		}
		m.hang()
		w.opinions(m, false, 350, 740)
		w.at(w.between(10*time.Millisecond, 1500*time.Millisecond), func() { m.resume(); w.opinions(m, true, 10, 200) })
	case Cut:
		w.cutSomething(m)
	case Leave:
		w.leaveOrReturn(m)
	case Weight:
		w.reweigh(m)
	case Flap:
		other, wrong := w.rng.IntN(len(w.machines)), !w.chance(0.4)
		w.opinion(m, other, !wrong)
	case HandOver:
		m.handOver(w.between(0, 80*time.Millisecond))
		if w.o.Joining > 0 {
			w.opinions(m, false, 350, 740)
		}
	}
}

// cutSomething cuts or mends links: a single direction, a pair, or a split.
func (w *world) cutSomething(m *machine) {
	o := w.machines[w.rng.IntN(len(w.machines))]
	set := func(a, b int, cut bool) {
		if a != b {
			w.cut[a][b] = cut
		}
	}
	w.trace("links of %s and %s change", m.name, o.name)
	switch w.rng.IntN(6) {
	case 0:
		set(m.i, o.i, true)
	case 1:
		set(m.i, o.i, true)
		set(o.i, m.i, true)
	case 2:
		side := w.rng.Uint64()
		for a := range w.machines {
			for b := range w.machines {
				set(a, b, (side>>a^side>>b)&1 != 0)
			}
		}
	default:
		set(m.i, o.i, false)
		set(o.i, m.i, false)
	}
}

// leaveOrReturn drains a node, or takes it back.
func (w *world) leaveOrReturn(m *machine) {
	if m.node == nil || m.hung {
		return
	}
	m.left = !m.left
	w.trace("%s: left %v", m.name, m.left)
	if m.left {
		m.feed(func() confirm.Actions { return m.node.Leave(m.clock()) })
	} else if !m.apart {
		m.feed(func() confirm.Actions { return m.node.Up(m.clock()) })
	}
}

// reweigh changes a node's weight.
func (w *world) reweigh(m *machine) {
	m.weight = 4 - m.weight // 1 or 3
	w.trace("%s: weight %d", m.name, m.weight)
	m.feed(func() confirm.Actions {
		a, _ := m.node.Weights(m.clock(), m.meta())
		return a
	})
}

// opinions lets every other membership learn about a machine, each at its own
// time, in milliseconds.
func (w *world) opinions(about *machine, alive bool, lo, hi int64) {
	for _, m := range w.machines {
		if m != about {
			w.at(w.between(time.Duration(lo)*time.Millisecond, time.Duration(hi)*time.Millisecond), func() {
				if w.storm || alive {
					w.opinion(m, about.i, alive)
				}
			})
		}
	}
}

// opinion sets what one membership thinks; a process that has not joined is not told.
func (w *world) opinion(m *machine, about int, alive bool) {
	if m.alive[about] == alive {
		return
	}
	m.alive[about] = alive
	if m.apart {
		return
	}
	m.feed(func() confirm.Actions { return m.node.Members(m.clock(), m.believed()) })
}

// heal ends every fault: links work, processes run and are wanted, and within
// half a second every membership is right.
func (w *world) heal() {
	w.trace("all faults end")
	w.cut = square[bool](len(w.machines))
	for _, m := range w.machines {
		w.at(w.between(0, 100*time.Millisecond), func() {
			m.resume()
			if m.node == nil {
				m.hung = false
				m.boots++
				m.boot(0)
			}
			if m.left {
				w.leaveOrReturn(m)
			}
		})
		w.opinions(m, true, 0, 500)
	}
}
