package sim

import (
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/internal/shares"
)

// machine is one computer of the farm: a clock, a kernel whose map outlives the
// process, and at most one process.
type machine struct {
	w      *world
	i      int
	name   string
	offset int64 // of its clock, ns
	ppm    int64 // by which its clock runs fast
	kernel kernel
	params confirm.Params

	node    *confirm.Node // nil while no process runs
	leased  bool          // the process has written the kernel's map
	hung    bool
	apart   bool         // the process has not joined the membership yet (Options.Joining)
	handed  confirm.Time // when its state was, if it goes on from another one's
	met     confirm.Met  // handed on with it
	waiting []*message   // for a hung process to read
	heard   uint64       // who was heard, and heard it, just before it hung
	wakeAt  int64        // when the process wants to run, true time
	timerAt int64        // when the earliest queued timer fires
	boots   uint64
	weight  int
	alive   []bool // its membership's opinion of the others
	words   []word // what it has read last of each of the others
	left    bool   // the operator took it out
	absent  bool   // switched off
}

// kernel is what the data path has been told: it acts on that whatever happens
// to the process.
type kernel struct {
	mask       uint64
	deadline   confirm.Time // on the machine's clock
	confirmers uint64       // who had to confirm it, as a mask of machines
	members    uint64       // of the target of whoever wrote it, that it had really heard
}

// word is what a machine last told another one: when it was sent, by which process
// of those that the other may heed, and what its kernel let flows into then.
type word struct {
	sent int64
	boot uint64
	open uint64
}

// clock returns the machine's own time.
func (m *machine) clock() confirm.Time { return m.clockAt(m.w.now) }

// clockAt returns the machine's own time as of a true time. It never goes back.
func (m *machine) clockAt(now int64) confirm.Time {
	return confirm.Time(m.offset + now + now*m.ppm/1_000_000)
}

// open returns the buckets that the machine's kernel lets flows into now.
func (m *machine) open() uint64 {
	if m.kernel.deadline > m.clock() {
		return m.kernel.mask
	}
	return 0
}

// running says whether the machine can serve what its kernel lets in. Behind a
// planned restart it can: the kernel's program goes on.
func (m *machine) running() bool { return m.node != nil && !m.hung || m.node == nil && m.hung }

// meta is the machine's weight as the view carries it.
func (m *machine) meta() string { return string(rune('0' + m.weight)) }

// boot starts a new process. Its boot number is the time, less skew for a clock
// that was set back.
func (m *machine) boot(skew time.Duration) {
	if m.node != nil || m.absent {
		return
	}
	m.boots++
	boot := uint64(max(0, m.w.now-int64(skew))) + m.boots
	n, a, err := confirm.New(confirm.Config{
		Name: m.name, Boot: boot, Params: m.params,
		Meta: m.meta(), Assign: m.w.shares.For(m.name),
	}, m.clock())
	if err != nil {
		m.w.violate(Failed, "%s: %v", m.name, err)
		return
	}
	m.w.trace("%s: new process, boot %d", m.name, boot)
	m.node, m.hung, m.waiting, m.heard, m.leased, m.timerAt = n, false, nil, 0, false, 0
	clear(m.words)
	m.handed = 0
	m.carryOut(a)
	m.join()
}

// join has the process become one of the membership, at once or in time, and then
// take its part.
func (m *machine) join() {
	n := m.node
	joined := func() {
		m.apart = false
		m.feed(func() confirm.Actions { return n.Members(m.clock(), m.believed()) })
		if !m.left {
			m.feed(func() confirm.Actions { return n.Up(m.clock()) })
		}
	}
	if m.w.o.Joining == 0 {
		joined()
		return
	}
	m.apart = true
	m.w.at(m.w.between(0, m.w.o.Joining), func() {
		switch {
		case m.node != n:
		case m.hung:
			m.join()
		default:
			joined()
			m.w.opinions(m, true, 10, 200)
		}
	})
}

// handOver replaces the process by a new one that takes its state over.
func (m *machine) handOver(pause time.Duration) {
	if m.node == nil || m.hung {
		return
	}
	state, err := m.node.Snapshot(m.clock())
	if err != nil {
		m.w.violate(Failed, "%s: snapshot: %v", m.name, err)
		return
	}
	m.met = m.node.Met()
	m.node, m.hung, m.waiting, m.heard, m.apart = nil, true, nil, 0, m.w.o.Joining > 0
	boots := m.boots
	m.handed = m.clock()
	m.w.trace("%s: planned restart", m.name)
	m.w.at(pause, func() {
		if m.node == nil && m.hung && m.boots == boots {
			m.takeOver(state)
		}
	})
}

// takeOver is the new process's part of handOver.
func (m *machine) takeOver(state []byte) {
	n, a, err := confirm.Restore(confirm.Config{
		Name: m.name, Boot: uint64(m.w.now), Params: m.params,
		Meta: m.meta(), Assign: m.w.shares.For(m.name), ByMembership: m.w.o.Joining > 0, Met: m.met,
	}, m.clock(), state)
	if err != nil {
		m.w.violate(Failed, "%s: restore: %v", m.name, err)
		return
	}
	m.node, m.hung, m.timerAt = n, false, 0
	m.carryOut(a)
	m.read()
	m.join()
}

// crash ends the process. The kernel's map lives on.
func (m *machine) crash() {
	if m.node == nil {
		m.hung = false
		return
	}
	m.w.trace("%s: crash", m.name)
	m.node, m.hung, m.waiting = nil, false, nil
}

// resume lets a hung process run again. What comes first, its timer or what
// waits in its sockets, is chance.
func (m *machine) resume() {
	if !m.hung || m.node == nil {
		return
	}
	m.w.trace("%s: resume", m.name)
	m.hung = false
	if m.w.chance(0.5) {
		m.tick()
	}
	m.read()
	m.tick()
}

// hang stops the process in its tracks.
func (m *machine) hang() {
	m.w.trace("%s: hang", m.name)
	m.hung, m.heard = true, 0
	for j := range m.w.machines {
		to, from := m.w.links[j][m.i], m.w.links[m.i][j]
		if m.kernel.members&(1<<j) != 0 && m.w.now-min(to.last, from.last) < m.w.gap() {
			m.heard |= 1 << j
		}
	}
}

// read takes in everything that waits in the process's sockets.
func (m *machine) read() {
	waiting := m.waiting
	for i, msg := range waiting {
		m.waiting = waiting[i+1:]
		m.deliver(msg)
	}
	m.waiting, m.heard = nil, 0
}

// deafTo says whether the process runs again, after a hang before which it heard
// the other well, and has not read what the other has just sent; or has gone on after
// a planned restart to let flows in anew, and cannot hear the other yet, though
// nothing is cut.
func (m *machine) deafTo(o *machine) bool {
	if m.apart && m.handed != 0 && m.kernel.deadline > m.handed.Add(m.params.Lease) && !m.w.cut[o.i][m.i] {
		return true
	}
	if m.hung || m.heard&(1<<o.i) == 0 || o.hung || o.node == nil {
		return false
	}
	for _, msg := range m.waiting {
		if msg.from == o.i && m.w.now-msg.sent < m.w.gap() {
			return true
		}
	}
	return false
}

// arrive takes a message from the wire. A socket holds so many and drops the
// rest; before the process has joined, there is none.
func (m *machine) arrive(msg *message) {
	switch {
	case m.apart:
	case m.hung && len(m.waiting) < 200:
		m.waiting = append(m.waiting, msg)
	case !m.hung && m.node != nil:
		m.deliver(msg)
	}
}

// deliver gives a message to the process.
func (m *machine) deliver(msg *message) {
	m.w.links[msg.from][m.i].heard(m.w.now, msg.sent, m.w.gap())
	m.note(msg)
	m.feed(func() confirm.Actions { return m.node.Receive(m.clock(), msg.hb) })
}

// note keeps what a message of a process that may be heeded tells; what was passed on
// tells which process that is.
func (m *machine) note(msg *message) {
	of := m.w.byName(msg.hb.Name)
	w := &m.words[of.i]
	if msg.hb.Boot < w.boot {
		return
	}
	w.boot = msg.hb.Boot
	if of.i == msg.from && msg.sent >= w.sent {
		w.sent, w.open = msg.sent, msg.open
	}
}

// tick lets the process's time pass.
func (m *machine) tick() {
	m.feed(func() confirm.Actions { return m.node.Tick(m.clock()) })
}

// timer fires the process's timer, unless it has been put off since.
func (m *machine) timer() {
	if m.w.now < m.timerAt || m.node == nil {
		return
	}
	m.timerAt = 0
	switch {
	case m.hung:
	case m.w.now >= m.wakeAt:
		m.tick()
	default:
		m.schedule()
	}
}

// schedule queues the process's next timer, unless one comes early enough.
func (m *machine) schedule() {
	if m.timerAt > m.w.now && m.timerAt <= m.wakeAt {
		return
	}
	m.timerAt = m.wakeAt
	m.w.push(event{at: m.wakeAt, to: m})
}

// believed lists whom the machine's membership has alive.
func (m *machine) believed() []string {
	var names []string
	for j, ok := range m.alive {
		if ok {
			names = append(names, m.w.machines[j].name)
		}
	}
	return names
}

// feed gives the process an input and carries out what it says.
func (m *machine) feed(input func() confirm.Actions) {
	if m.node == nil || m.hung {
		return
	}
	m.w.report.Events++
	m.carryOut(input())
}

// carryOut does what the process says, the kernel first.
func (m *machine) carryOut(a confirm.Actions) {
	if a.Lease != nil {
		m.leased = true
		m.kernel.mask, m.kernel.deadline = shares.Mask(a.Lease.Confirmed), a.Lease.Deadline
	}
	if m.leased {
		m.required()
	}
	if m.w.o.Trace != nil {
		m.traceActions(a)
	}
	m.w.checkOne(m)
	if a.Broadcast != nil {
		for _, to := range m.w.machines {
			m.w.send(m, to, a.Broadcast)
		}
	}
	for _, r := range a.Relays {
		m.w.send(m, m.w.byName(r.To), r.Heartbeat)
	}
	ahead := max(0, int64(a.Wake-m.clock()))
	m.wakeAt = m.w.now + ahead - ahead/1_000_000*m.ppm + 1000
	m.schedule()
}

// required notes who has to confirm what the kernel lets in.
func (m *machine) required() {
	m.kernel.confirmers, m.kernel.members = 0, 0
	for _, j := range m.w.machines {
		if m.node.Requires(j.name) {
			m.kernel.confirmers |= 1 << j.i
		}
		if m.node.Targets(j.name) && m.w.now-m.w.links[j.i][m.i].last < m.w.gap() {
			m.kernel.members |= 1 << j.i
		}
	}
}

// traceActions writes what the process says.
func (m *machine) traceActions(a confirm.Actions) {
	for _, e := range a.Events {
		m.w.trace("%s: %v %s %x %v", m.name, e.Kind, e.Peer, e.View, e.Phase)
	}
	if a.Lease != nil && a.Lease.Moved {
		m.w.trace("%s: lets in %012b of held %012b until +%v", m.name, m.kernel.mask, shares.Mask(a.Lease.Held), a.Lease.Deadline.Sub(m.clock()))
	}
}
