package confirm

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a Node is made of.
type Config struct {
	// Name is this node's name in the farm, 1 to MaxName bytes.
	Name string
	// Boot is the process's start time in nanoseconds of wall clock.
	Boot uint64
	// Params are the timings.
	Params Params
	// Meta is what assignment depends on of this node, at most MaxMeta bytes.
	Meta string
	// Assign computes what a view gives to this node.
	Assign Assign
	// ByMembership says that heartbeats come by the membership's messages, those of
	// some peer at least, so that a process that goes on from a snapshot need not
	// hear it before it has joined anew. Only Restore heeds it.
	ByMembership bool
	// Met is what a process before this one has met; the zero value is nobody. It is
	// no part of a snapshot, which the releases beside this one read to the byte.
	Met Met
}

// validate checks what New was given.
func (c Config) validate() error {
	switch {
	case c.Name == "" || len(c.Name) > MaxName:
		return fmt.Errorf("node name %q: must have 1 to %d bytes", c.Name, MaxName)
	case len(c.Meta) > MaxMeta:
		return fmt.Errorf("meta of %d bytes: at most %d", len(c.Meta), MaxMeta)
	case c.Assign == nil:
		return errors.New("no assignment function")
	}
	if err := c.Params.Validate(); err != nil {
		return fmt.Errorf("timings do not fit together: %w", err)
	}
	return nil
}

// Node is one node's side of the confirmation protocol. See the package comment
// for its use. It is not safe for concurrent use.
type Node struct {
	name   string
	id     PeerID
	params Params
	meta   string
	views  history

	boot   uint64
	seq    uint64 // of the newest heartbeat sent
	phase  Phase
	wanted bool // the operator wants the node up
	peers  []*peer
	met    int // the most that stated a view at once

	now     Time
	ran     time.Duration // how long this node has been running and listening
	joining bool          // others need not be heard yet (Config.ByMembership)
	woken   time.Duration // in running time, when it last came back from a stall
	started stamp         // when it became starting
	upSince time.Duration // in running time, when it came up
	ended   Time          // when it last stopped stating a view, or started

	target     View
	targetFrom uint64 // the first heartbeat with this target
	stated     View
	statedAt   Time // since when, after it stated none
	held       holding
	whole      settledKey

	lease    Lease // as the caller was last told
	counted  count // what the confirmed set was computed from
	urgent   bool  // a heartbeat is due at once
	lastSent Time
	nextBeat Time
	sent     sentLog

	peerViews []PeerViews // scratch for Peers

	counters Counters
	retired  bool
	out      Actions
}

// stamp is an instant in both of a node's times.
type stamp struct {
	at  Time
	ran time.Duration
}

// New returns a node that starts at now, in phase starting, and the actions of
// its first instant, which zero the deadline that an earlier process may have
// left in the kernel's map (rule 4). Up makes it eligible.
func New(c Config, now Time) (*Node, Actions, error) {
	if err := c.validate(); err != nil {
		return nil, Actions{}, err
	}
	n := &Node{
		name: c.Name, id: IDOf(c.Name), params: c.Params, meta: c.Meta,
		views: newHistory(c.Assign), boot: max(1, c.Boot), now: now, met: c.Met.carried(c.Params.Nodes),
	}
	n.start()
	n.fence()
	return n, n.step(now), nil
}

// Tick lets time pass. It must be called no later than the Wake of the last
// Actions; calling it earlier or more often does no harm. A caller that has
// heartbeats waiting should feed those first.
func (n *Node) Tick(now Time) Actions { return n.step(now) }

// Members tells who is alive by the membership, this node's own name or not,
// in any order. It is the whole list, not a change. After Restore it is first called
// when the membership has been joined again, or in vain.
func (n *Node) Members(now Time, alive []string) Actions {
	n.pass(now)
	n.joining = false
	for _, p := range n.peers {
		p.alive = false
	}
	for _, name := range alive {
		if name != n.name {
			n.peer(name).alive = true
		}
	}
	return n.step(now)
}

// Weights changes what assignment depends on of this node. The others learn it
// from the next heartbeat, which is sent at once.
func (n *Node) Weights(now Time, meta string) (Actions, error) {
	if len(meta) > MaxMeta {
		return Actions{}, fmt.Errorf("meta of %d bytes: at most %d", len(meta), MaxMeta)
	}
	n.urgent = n.urgent || meta != n.meta
	n.meta = meta
	return n.step(now), nil
}

// step is what every event ends with: the rules in their order.
func (n *Node) step(now Time) Actions {
	if n.retired {
		return Actions{Wake: now.Add(time.Hour)}
	}
	n.pass(now)
	n.comeUp()
	n.retarget()
	n.state()
	n.letIn()
	n.transmit()
	n.out.Wake = n.wake()
	out := n.out
	n.out = Actions{}
	return out
}

// pass moves the clocks on. Running time passes at most two heartbeats at once:
// a longer gap means that this node was stopped or starved, and what it did not
// hear in that time says nothing about its peers. Without this a node that wakes
// up from SIGSTOP finds everybody silent and serves alone until it has read its
// sockets.
//
// Nor does it pass before a process that was restarted in place has joined the
// membership by which its heartbeats come. It keeps its target until then, and is
// fenced when its last confirmations end.
func (n *Node) pass(now Time) {
	gap := max(0, now.Sub(n.now))
	n.now = max(n.now, now)
	if n.joining {
		return
	}
	limit := 2 * n.params.Heartbeat
	n.ran += min(gap, limit)
	if gap > limit {
		n.woken = n.ran
	}
}
