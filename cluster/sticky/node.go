package sticky

import (
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// Config is what a node is made of.
type Config struct {
	Name   string
	Boot   uint64
	Params Params
	// Rules are those with stickiness.
	Rules []confirm.RuleID
}

// Node is one node's part in stickiness. It is not safe for concurrent use. Times
// must not go back.
type Node struct {
	name   string
	boot   uint64
	params Params
	now    confirm.Time
	ran    time.Duration // running time: a stall counts for no more than two heartbeats

	memory *settle.Node // which buckets have remembered clients, here and elsewhere
	state  settle.State
	peers  map[string]*peer
	seq    uint64

	owner  owner
	holder holder

	doubts   uint64 // the memory's, as of the last event
	members  []settle.Member
	news     bool // the memory has something new to say
	sweeping bool
	wanted   bool // the memory wants to be swept
	swept    confirm.Time
	lost     confirm.Time // when buckets were last lost
	counts   struct{ asked, answered, lapsed uint64 }
	out      Actions
}

// New returns the node of a process that starts now, and remembers nobody.
func New(c Config, now confirm.Time) (*Node, Actions) {
	n := &Node{
		name: c.Name, boot: c.Boot, params: c.Params.withDefaults(), now: now, peers: make(map[string]*peer),
		state: settle.State{Boot: c.Boot}, swept: now, seq: uint64(now), news: true,
	}
	n.owner = newOwner()
	memory, a := settle.New(c.Name, c.Boot, settle.Params{Hold: n.params.hold()}, c.Rules, now)
	n.memory = memory
	n.absorb(a)
	return n, n.finish()
}

// State tells what this node states and holds from now on, as settle.Node.State.
func (n *Node) State(now confirm.Time, s settle.State) Actions {
	n.begin(now)
	if lost := n.state.Held.Minus(s.Held); !lost.Empty() {
		n.lost = n.now
		n.forget()
	}
	n.boot, n.state, n.news = s.Boot, s, true
	n.absorb(n.memory.State(n.now, s))
	return n.finish()
}

// Fenced tells that this node is fenced. If its lease ran out, rather than was given
// up, others may serve its clients, and remember them.
func (n *Node) Fenced(now confirm.Time, ranOut bool) Actions {
	n.begin(now)
	if ranOut {
		n.drop()
	}
	n.absorb(n.memory.Fenced(n.now))
	return n.finish()
}

// Tick lets time pass.
func (n *Node) Tick(now confirm.Time) Actions {
	n.begin(now)
	return n.finish()
}

// Swept tells the outcome of a sweep that began at started: the buckets in which
// clients are remembered. clearedBefore is Actions.ClearBefore as it was then.
func (n *Node) Swept(now, started confirm.Time, buckets confirm.Buckets, clearedBefore confirm.Time) Actions {
	n.begin(now)
	n.sweeping, n.wanted, n.swept = false, false, n.now
	n.absorb(n.memory.Scanned(n.now, started, buckets))
	n.holder.cleared(clearedBefore)
	return n.finish()
}

// SweepFailed tells that a sweep could not be made.
func (n *Node) SweepFailed(now confirm.Time) Actions {
	n.begin(now)
	n.sweeping, n.wanted, n.swept = false, false, n.now
	n.absorb(n.memory.ScanFailed(n.now))
	return n.finish()
}

// ReceiveReport takes in another node's report.
func (n *Node) ReceiveReport(now confirm.Time, r *settle.Report) Actions {
	n.begin(now)
	if n.current(r.Name, r.Boot) {
		n.spoke(r.Name, r.Boot, false)
		n.absorb(n.memory.Receive(n.now, r))
	}
	return n.finish()
}

// Receive takes in another node's message. remembers looks a client up in this
// node's memory.
func (n *Node) Receive(now confirm.Time, m *Message, remembers func(Client) bool) Actions {
	n.begin(now)
	if !n.current(m.Name, m.Boot) {
		return n.finish()
	}
	n.spoke(m.Name, m.Boot, n.answers(m))
	n.judgePeers()
	switch m.Kind {
	case Hold:
		n.grant(m)
	case Grant:
		n.granted(m)
	case Ask:
		n.answer(m, remembers)
	case Answer:
		n.answered(m)
	case Farewell:
		n.bidFarewell(m)
	}
	return n.finish()
}

// Status returns a picture of the node as of its last event.
func (n *Node) Status() Status {
	s := n.memory.Status()
	return Status{
		Held: s.Held, Foreign: s.Foreign, Pending: len(n.owner.pending),
		Asked: n.counts.asked, Answered: n.counts.answered, Lapsed: n.counts.lapsed,
	}
}

func (n *Node) begin(now confirm.Time) {
	now = max(now, n.now)
	n.ran += min(now.Sub(n.now), 2*n.params.Heartbeat)
	n.now = now
	n.out = Actions{Unsettled: n.out.Unsettled}
	n.lapse()
}

// absorb takes over what the memory's state machine says.
func (n *Node) absorb(a settle.Actions) {
	n.out.Unsettled = a.Unsettled
	n.out.Reports = append(n.out.Reports, a.Send...)
	n.wanted = n.wanted || a.Scan
	n.news = n.news || a.Changed
	n.out.Wake = a.Wake
}

// finish does what time and the event have made due.
func (n *Node) finish() Actions {
	n.judgePeers()
	n.absorb(n.memory.Tick(n.now))
	if d := n.memory.Doubts(); d != n.doubts {
		n.doubts = d
		n.forget()
	}
	n.owner.age(n.now, &n.out)
	n.ask()
	n.renew()
	n.sweep()
	n.out.Wake = n.wake(n.out.Wake)
	return n.out
}

// sweep asks for a sweep that is due.
func (n *Node) sweep() {
	if n.sweeping || !(n.wanted || n.holder.clears(n.now) || n.now.Sub(n.swept) >= n.params.sweep()) {
		return
	}
	n.sweeping, n.out.Sweep = true, true
	if n.holder.clears(n.now) {
		n.out.ClearBefore = n.holder.dropped
	}
}

// wake returns when time alone may change something.
func (n *Node) wake(at confirm.Time) confirm.Time {
	times := []confirm.Time{n.owner.due(), n.holder.due(n.now)}
	if !n.sweeping {
		times = append(times, n.swept.Add(n.params.sweep()))
	}
	for _, p := range n.peers {
		if p.alive {
			times = append(times, n.now.Add(max(n.params.Eviction-(n.ran-p.heardAt), 0)+time.Millisecond))
		}
	}
	for _, t := range times {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}

// sorted returns the peers' names in order, so that runs can be repeated.
func (n *Node) sorted() []string {
	names := make([]string, 0, len(n.peers))
	for name := range n.peers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (n *Node) send(to string, m *Message) {
	m.Name, m.Boot = n.name, n.boot
	n.out.Send = append(n.out.Send, Outgoing{to, m})
}

func (n *Node) number() uint64 {
	n.seq = max(n.seq+1, uint64(n.now))
	return n.seq
}
