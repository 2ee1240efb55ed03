package search

import "fmt"

// kind is a kind of fault. Most are undone by the same fault again.
type kind uint8

const (
	crashOrStart kind = iota
	hangOrResume
	changeWeight
	changeMind
	cutOrMend
	delay
)

var kindNames = [...]string{"crash or start", "hang or resume", "change weight", "change mind", "cut or mend", "delay"}

// fault is one fault: to a machine, or to what passes between two.
type fault struct {
	kind kind
	i, j int
}

// String tells the fault.
func (x fault) String() string { return fmt.Sprintf("%s n%d n%d", kindNames[x.kind], x.i, x.j) }

// possible lists the faults that can happen in a state.
func (f *farm) possible() []fault {
	var list []fault
	for i, m := range f.machines {
		list = append(list, fault{kind: crashOrStart, i: i, j: i})
		if m.node == nil {
			continue
		}
		list = append(list, fault{kind: hangOrResume, i: i, j: i})
		if m.hung {
			continue
		}
		list = append(list, fault{kind: changeWeight, i: i, j: i}, fault{kind: delay, i: i, j: i})
		for j := range f.machines {
			if i != j {
				list = append(list, fault{kind: changeMind, i: i, j: j}, fault{kind: cutOrMend, i: i, j: j})
			}
		}
	}
	return list
}

// do lets a fault happen.
func (f *farm) do(x fault) {
	m := &f.machines[x.i]
	switch x.kind {
	case crashOrStart:
		f.crashOrStart(x.i)
	case hangOrResume:
		m.hung = !m.hung
	case changeWeight:
		m.weight = '1' + '3' - m.weight
		if a, err := m.node.Weights(f.now, string(m.weight)); err == nil {
			f.carryOut(x.i, a)
		}
	case changeMind:
		m.alive[x.j] = !m.alive[x.j]
		f.carryOut(x.i, m.node.Members(f.now, f.believed(x.i)))
	case cutOrMend:
		f.cut[x.i][x.j] = !f.cut[x.i][x.j]
	case delay:
		m.late = true
	}
}

// crashOrStart ends a process, whose kernel goes on, or starts a new one.
func (f *farm) crashOrStart(i int) {
	m := &f.machines[i]
	if m.node == nil {
		m.boot++
		f.start(i)
		return
	}
	m.node, m.hung = nil, false
	var left []mail
	for _, l := range f.mail {
		if l.to != i {
			left = append(left, l)
		}
	}
	f.mail = left
}

// heal ends every fault.
func (f *farm) heal() {
	for i := range f.machines {
		m := &f.machines[i]
		if m.hung = false; m.node == nil {
			f.crashOrStart(i)
		}
		m.late = false
		for j := range f.cut[i] {
			f.cut[i][j] = false
			m.alive[j] = j != i
		}
		f.carryOut(i, m.node.Members(f.now, f.believed(i)))
	}
}
