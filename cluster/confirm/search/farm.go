package search

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// farm is one state of the model.
type farm struct {
	params    confirm.Params
	shares    *shares.Table
	now       confirm.Time
	machines  []machine
	cut       [][]bool // cut[i][j]: nothing from i reaches j
	mail      []mail
	violation string
}

// machine is one computer: what its kernel was told outlives the process.
type machine struct {
	name       string
	mask       uint64
	deadline   confirm.Time
	confirmers uint64
	leased     bool // the process has told the kernel something
	node       *confirm.Node
	hung       bool
	late       bool // its next heartbeat takes four ticks
	weight     byte
	boot       uint64
	alive      []bool
}

// mail is a heartbeat that arrives at a machine in so many ticks.
type mail struct {
	to, ticks int
	hb        *confirm.Heartbeat
}

// atRest returns a farm in which every bucket is served and nothing happens.
func atRest(o Options) (*farm, error) {
	f := &farm{params: o.Params, shares: shares.New(), now: confirm.Time(time.Second)}
	for i := range o.Nodes {
		alive := make([]bool, o.Nodes)
		for j := range alive {
			alive[j] = j != i
		}
		f.machines = append(f.machines, machine{name: "n" + strconv.Itoa(i), weight: '1', alive: alive, boot: 1})
		f.cut = append(f.cut, make([]bool, o.Nodes))
	}
	for i := range f.machines {
		f.start(i)
	}
	for range 60 {
		f.tick()
	}
	if f.violation != "" || f.unserved() != 0 {
		return nil, errors.New("the farm does not come to rest: " + f.violation)
	}
	return f, nil
}

// clone returns an independent copy.
func (f *farm) clone() *farm {
	c := *f
	c.machines = slices.Clone(f.machines)
	for i := range c.machines {
		m := &c.machines[i]
		m.alive = slices.Clone(m.alive)
		if m.node != nil {
			m.node = m.node.Clone()
		}
	}
	c.cut = make([][]bool, len(f.cut))
	for i := range f.cut {
		c.cut[i] = slices.Clone(f.cut[i])
	}
	c.mail = slices.Clone(f.mail)
	return &c
}

// start makes a new process on a machine.
func (f *farm) start(i int) {
	m := &f.machines[i]
	m.hung, m.leased = false, false
	n, a, err := confirm.New(confirm.Config{
		Name: m.name, Boot: m.boot, Params: f.params, Meta: string(m.weight), Assign: f.shares.For(m.name),
	}, f.now)
	if err != nil {
		f.violation = err.Error()
		return
	}
	m.node = n
	f.carryOut(i, a)
	f.carryOut(i, n.Members(f.now, f.believed(i)))
	f.carryOut(i, n.Up(f.now))
}

// tick lets one heartbeat's time pass: mail arrives, then every process's time
// comes.
func (f *farm) tick() {
	f.now = f.now.Add(f.params.Heartbeat)
	mail := f.mail
	f.mail = nil
	for _, l := range mail {
		if l.ticks--; l.ticks > 0 || f.machines[l.to].hung {
			l.ticks = max(l.ticks, 1) // it waits in the socket
			f.mail = append(f.mail, l)
		} else if n := f.machines[l.to].node; n != nil {
			f.carryOut(l.to, n.Receive(f.now, l.hb))
		}
	}
	for i, m := range f.machines {
		if m.node != nil && !m.hung {
			f.carryOut(i, m.node.Tick(f.now))
		}
	}
}

// carryOut does what a process says, its kernel first.
func (f *farm) carryOut(i int, a confirm.Actions) {
	m := &f.machines[i]
	if a.Lease != nil {
		m.leased = true
		m.mask, m.deadline = shares.Mask(a.Lease.Confirmed), a.Lease.Deadline
	}
	if m.leased {
		m.confirmers = f.required(m.node)
	}
	f.check(i)
	if a.Broadcast != nil {
		f.broadcast(i, a.Broadcast)
	}
	for _, r := range a.Relays {
		for j := range f.machines {
			if f.machines[j].name == r.To {
				f.send(i, j, 1, r.Heartbeat)
			}
		}
	}
}

// required returns who must confirm what a process lets in.
func (f *farm) required(n *confirm.Node) uint64 {
	mask := uint64(0)
	for j := range f.machines {
		if n.Requires(f.machines[j].name) {
			mask |= 1 << j
		}
	}
	return mask
}

// broadcast sends a heartbeat to all.
func (f *farm) broadcast(i int, hb *confirm.Heartbeat) {
	ticks := 1
	if f.machines[i].late {
		ticks, f.machines[i].late = 4, false
	}
	for j := range f.machines {
		f.send(i, j, ticks, hb)
	}
}

// send puts a heartbeat on its way.
func (f *farm) send(i, j, ticks int, hb *confirm.Heartbeat) {
	if i != j && !f.cut[i][j] {
		f.mail = append(f.mail, mail{j, ticks, hb})
	}
}

// open returns the buckets that a machine's kernel lets flows into.
func (f *farm) open(i int) uint64 {
	if m := f.machines[i]; m.deadline > f.now {
		return m.mask
	}
	return 0
}

// check looks for another machine that lets flows into a bucket of machine i's
// and has a confirmer in common with it.
func (f *farm) check(i int) {
	mine, ours := f.open(i), f.machines[i].confirmers|1<<i
	for j := range f.machines {
		both := mine & f.open(j)
		if j != i && both != 0 && ours&(f.machines[j].confirmers|1<<j) != 0 && f.violation == "" {
			f.violation = fmt.Sprintf("%s and %s both let flows into %012b", f.machines[i].name, f.machines[j].name, both)
		}
	}
}

// unserved returns the buckets that no running machine lets flows into.
func (f *farm) unserved() uint64 {
	missing := shares.All
	for i, m := range f.machines {
		if m.node != nil && !m.hung {
			missing &^= f.open(i)
		}
	}
	return missing
}

// believed lists whom a machine's membership has alive.
func (f *farm) believed(i int) []string {
	var names []string
	for j, ok := range f.machines[i].alive {
		if ok {
			names = append(names, f.machines[j].name)
		}
	}
	return names
}
