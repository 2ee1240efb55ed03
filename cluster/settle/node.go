package settle

import (
	"slices"

	"thresher/cluster/confirm"
)

// Buckets is how many buckets a rule has (DESIGN.md §1).
const Buckets = 1 << 16

// Node is one node's knowledge of who has flows where. It is not safe for
// concurrent use. Times must not go back.
type Node struct {
	name   string
	params Params
	now    confirm.Time

	rules    []confirm.RuleID // sorted
	universe confirm.Buckets  // every bucket of every rule
	full     *confirm.Bitmap  // every bucket of one rule
	state    State

	maybe    confirm.Buckets // not held, and this node may have flows in them
	scanFrom confirm.Time    // a scan that began earlier proves nothing
	nextScan confirm.Time    // the next one, if one is needed then
	proved   bool            // a scan has counted since scanFrom was set
	scanning bool

	report *Report // nil until a scan has proved the present state
	seq    uint64
	peers  map[string]*peer
	// strangers is until when members that were never heard of may have flows; 0 if
	// there are none.
	strangers confirm.Time

	unsettled confirm.Buckets
	dirty     bool // unsettled must be computed anew
	counts    struct{ scans, reports, stale uint64 }
	doubts    uint64 // how often a member may have got flows back that it had not
	out       Actions
}

// State is what confirmation has this node do.
type State struct {
	// Boot is what the heartbeats say; it changes when confirmation raises it.
	Boot uint64
	// View is the id of the stated view; 0 for none.
	View confirm.ViewID
	// Own are the buckets that View gives to this node.
	Own confirm.Buckets
	// Held are those that new flows may enter, some of Own.
	Held confirm.Buckets
	// Release is how often buckets were released, as the heartbeats say.
	Release uint64
}

// New returns the node of a process that starts now, with nothing held. boot is
// what the node's heartbeats say, rules are those with flows.
func New(name string, boot uint64, p Params, rules []confirm.RuleID, now confirm.Time) (*Node, Actions) {
	n := &Node{
		name: name, params: p.withDefaults(), now: now, state: State{Boot: boot},
		full: fullBitmap(), peers: make(map[string]*peer), dirty: true,
	}
	n.setRules(rules)
	n.expectScan()
	n.await()
	return n, n.finish()
}

// Rules tells of changed rules. Those that are new may have flows from before.
func (n *Node) Rules(now confirm.Time, rules []confirm.RuleID) Actions {
	n.begin(now)
	if !slices.Equal(sortedRules(rules), n.rules) {
		n.setRules(rules)
		n.expectScan()
	}
	return n.finish()
}

// setRules makes every bucket that no earlier rule had one that may have flows.
func (n *Node) setRules(rules []confirm.RuleID) {
	before := n.universe
	n.rules = sortedRules(rules)
	all := make(map[confirm.RuleID]*confirm.Bitmap, len(rules))
	for _, r := range rules {
		all[r] = n.full
	}
	n.universe = confirm.BucketsOf(all)
	n.maybe = n.maybe.Union(n.universe.Minus(before)).Intersect(n.universe).Minus(n.state.Held)
	n.dirty = true
}

// State tells what this node states and holds from now on. What it let go of
// must already have stopped letting flows in, as confirm.Actions asks for.
func (n *Node) State(now confirm.Time, s State) Actions {
	n.begin(now)
	old := n.state
	if s.Boot == old.Boot && s.View == old.View && s.Release == old.Release && s.Own.Equal(old.Own) && s.Held.Equal(old.Held) {
		return n.finish()
	}
	lost := old.Held.Minus(s.Held)
	n.state, n.dirty = s, true
	n.maybe = n.maybe.Union(lost).Intersect(n.universe).Minus(s.Held)
	if s.Boot != old.Boot || s.View != old.View || s.Release != old.Release || !s.Own.Equal(old.Own) || !lost.Empty() {
		n.expectScan()
	}
	for _, p := range n.peers {
		p.cleared = p.cleared.Intersect(s.Own)
		n.absorb(p)
	}
	return n.finish()
}

// Fenced tells that this node was fenced for a while: others may have had its
// buckets, and be gone again. All must report anew.
func (n *Node) Fenced(now confirm.Time) Actions {
	n.begin(now)
	for _, p := range n.peers {
		n.distrust(p)
		if p.status == Gone {
			p.since = n.now
		}
	}
	n.await()
	return n.finish()
}

// Tick lets time pass.
func (n *Node) Tick(now confirm.Time) Actions {
	n.begin(now)
	return n.finish()
}

// Status returns a picture of the node as of its last event.
func (n *Node) Status() Status {
	held := n.unsettled.Intersect(n.state.Held).Len()
	s := Status{
		Settled: n.unsettled.Empty(), Held: held, Foreign: n.unsettled.Len() - held,
		Scans: n.counts.scans, Reports: n.counts.reports, Stale: n.counts.stale,
	}
	for _, p := range n.peers {
		if p.blocks {
			s.Waiting = append(s.Waiting, p.name)
		}
	}
	slices.Sort(s.Waiting)
	return s
}

func (n *Node) begin(now confirm.Time) {
	n.now = max(n.now, now)
	n.out = Actions{}
}

// finish does what time and the event have made due.
func (n *Node) finish() Actions {
	n.recognize()
	n.expire()
	n.askScan()
	if n.dirty {
		n.dirty = false
		now := n.maybe.Union(n.waited())
		n.out.Changed = !now.Equal(n.unsettled)
		n.unsettled = now
	}
	n.out.Unsettled = n.unsettled
	n.send()
	n.out.Wake = n.wake()
	return n.out
}

// waited returns the held buckets that some member has not cleared, and notes
// which members those are.
func (n *Node) waited() confirm.Buckets {
	held := n.state.Held.Intersect(n.universe)
	waited := n.strange(held)
	for _, p := range n.peers {
		p.blocks = false
		if p.counts() {
			own := held.Minus(p.cleared)
			p.blocks = !own.Empty()
			waited = waited.Union(own)
		}
	}
	return waited
}

// wake returns when time alone may change something, 0 for never.
func (n *Node) wake() confirm.Time {
	var at confirm.Time
	earlier := func(t confirm.Time) {
		if at == 0 || t < at {
			at = t
		}
	}
	if due, needed := n.scanDue(); needed && !n.scanning {
		earlier(due)
	}
	if n.awaited() {
		earlier(n.strangers)
	}
	for _, p := range n.peers {
		switch {
		case p.status != Alive:
			earlier(p.since.Add(n.params.Hold))
		case n.report != nil && p.blocks:
			earlier(p.sent.Add(n.params.Repeat))
		}
	}
	return at
}

func sortedRules(rules []confirm.RuleID) []confirm.RuleID {
	s := slices.Clone(rules)
	slices.Sort(s)
	return slices.Compact(s)
}

func fullBitmap() *confirm.Bitmap {
	b := confirm.NewBitmap(Buckets)
	for i := range Buckets {
		b.Set(i)
	}
	return b
}
