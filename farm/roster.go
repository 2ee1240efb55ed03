package farm

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/console"
)

// roster is every node that this one knows of, gone ones included, as status
// shows them: by gossip and by the heartbeats on the wire, which need not agree.
type roster struct {
	self   string
	digest uint64 // of this node's configuration
	nodes  map[string]rosterEntry
	// looked is when it was last updated, and steady since when it has been without a
	// pause.
	looked, steady time.Time
}

const (
	// gossipPatience is how long gossip must not have come through before that is said:
	// who has just come, or run its program anew, is heard on the wire at once and by
	// gossip a moment later.
	gossipPatience = 3 * time.Second
	// rosterPause is the longest time between two updates of a node that gets the CPU:
	// somewhat more than that of the reports to the service manager.
	rosterPause = usualReport + 500*time.Millisecond
)

type rosterEntry struct {
	address netip.AddrPort
	// further is where it gossips on other heartbeat networks.
	further []netip.AddrPort
	state   console.NodeState
	// blocked says that gossip does not come through from the node itself, though it is
	// there: it is heard on the wire, or others speak for it.
	blocked bool
	// silent is since when it is so; zero if it is not, or since longer than known.
	silent time.Time
	// digest is of what all nodes must have alike in their configurations; 0 of a node
	// that does not say.
	digest uint64
	// seen is when it was last alive by gossip, or heard; since is since when it is known.
	seen, since time.Time
	// left says that it has said goodbye, and that its daemon is gone.
	left bool
}

func newRoster(self string, digest uint64) roster {
	return roster{self: self, digest: digest, nodes: make(map[string]rosterEntry)}
}

// peer is what the heartbeats tell of another node.
type peer struct {
	heard  bool // lately
	ever   bool
	phase  confirm.Phase
	gossip netip.AddrPort // where it says that it gossips
}

// peersOf reads what the confirmation knows of the others. A peer that has been
// silent for longer than patience is not heard.
func peersOf(s confirm.Status, patience time.Duration) map[string]peer {
	peers := make(map[string]peer)
	for _, p := range s.Peers {
		meta, _ := cluster.DecodeMeta([]byte(p.Meta)) // unreadable: no address
		peers[p.Name] = peer{
			heard: p.Heard >= 0 && p.Heard < patience, ever: p.Heard >= 0, phase: p.Phase, gossip: meta.Gossip,
		}
	}
	return peers
}

// update takes over what gossip and heartbeats say, and reports what changed. A
// node that neither knows any more stays as it was last, and is forgotten when gossip
// would have: the machine is gone for good.
func (r *roster) update(now time.Time, members []cluster.Member, peers map[string]peer, events *events) {
	if now.Sub(r.looked) > rosterPause {
		r.steady = now
	}
	r.looked = now
	listed := make(map[string]bool, len(members))
	for _, m := range members {
		listed[m.Name] = true
		p := peers[m.Name]
		entry := rosterEntry{
			address: m.Address, state: stateOf(m, p), seen: r.seen(now, m.Name, m.Alive || p.heard),
			left: m.Meta.Phase == cluster.Leaving && !m.Alive && !p.heard,
		}
		entry.silent, entry.blocked = r.silence(now, m.Name, !m.Alive && p.heard && p.phase == confirm.Up, m.Relayed)
		if m.Alive && m.Err == nil {
			entry.digest, entry.further = m.Meta.Digest, m.Meta.Networks
		}
		r.note(m.Name, entry, events)
	}
	for name, p := range peers {
		if _, known := r.nodes[name]; name == r.self || !p.ever || listed[name] || !p.heard && !known {
			continue
		}
		entry := rosterEntry{address: p.gossip, state: stateOf(cluster.Member{}, p), seen: r.seen(now, name, p.heard)}
		if old := r.nodes[name]; !p.heard && old.state == console.Stopped { // as gossip knew before this node was restarted
			entry.state, entry.left = old.state, old.left
		}
		entry.silent, entry.blocked = r.silence(now, name, p.heard && p.phase == confirm.Up, false)
		r.note(name, entry, events)
	}
	for name, e := range r.nodes {
		e.seen = r.seen(now, name, false)
		if r.nodes[name] = e; name != r.self && !listed[name] && now.Sub(e.seen) > cluster.ForgetAfter {
			delete(r.nodes, name)
		}
	}
}

// silence tells since when a node's gossip does not come through, though it is heard or
// relayed, and whether that has lasted while this node was there to hear. That it is
// relayed only, the cluster has looked at for as long itself.
func (r *roster) silence(now time.Time, name string, heard, relayed bool) (since time.Time, blocked bool) {
	old := r.nodes[name]
	switch {
	case !heard && !relayed:
		return time.Time{}, false
	case relayed || !old.silent.IsZero():
		since = old.silent
	default:
		since = now
	}
	if r.steady.After(since) {
		since = r.steady
	}
	return since, old.blocked || now.Sub(since) >= gossipPatience
}

// seen is when a node was last there: now, or as it is known. Of one that another
// process has handed over or that has just been met, nobody knows better than now.
func (r *roster) seen(now time.Time, name string, here bool) time.Time {
	if last := r.nodes[name].seen; !here && !last.IsZero() {
		return last
	}
	return now
}

// note keeps an entry and reports what is new about it.
func (r *roster) note(name string, entry rosterEntry, events *events) {
	old, known := r.nodes[name]
	if entry.since = old.since; entry.since.IsZero() {
		entry.since = r.looked
	}
	r.nodes[name] = entry
	if name == r.self {
		return
	}
	if !known || old.state != entry.state {
		events.node(name, entry.state)
	}
	if differs := r.differs(entry); differs != r.differs(old) {
		events.config(name, differs, entry.digest != 0)
	}
	if old.blocked != entry.blocked {
		events.gossip(name, entry.address, entry.blocked)
	}
}

// shown is a node as status has it.
func (r *roster) shown(name string, shares map[string]float64) console.Node {
	e := r.nodes[name]
	return console.Node{Name: name, State: e.state, Address: e.address.Addr(), Shares: shares, ConfigDigest: digestText(e.digest)}
}

// differs tells whether a node has another configuration than this one, where all
// must have it alike.
func (r *roster) differs(e rosterEntry) bool { return e.digest != 0 && e.digest != r.digest }

// stateOf is a node's state by what it last said of itself, in gossip or, where
// that does not come through, in its heartbeats. A node says that it leaves before
// it goes; one that has not, is lost. That it is up, its heartbeats say first:
// gossip may lose that for half a minute (memberlist's push and pull).
func stateOf(m cluster.Member, p peer) console.NodeState {
	switch {
	case p.heard && p.phase == confirm.Up:
		return console.Up
	case !m.Alive && p.heard:
		return heardState(p.phase)
	case m.Meta.Phase == cluster.Leaving, m.Meta.Phase == cluster.Stopped:
		return console.Stopped
	case !m.Alive:
		return console.Unreachable
	case m.Meta.Phase == cluster.Draining:
		return console.Draining
	case m.Meta.Phase == cluster.Waiting:
		return console.Waiting
	case m.Meta.Phase == cluster.Up && p.ever && !p.heard:
		return console.Unreachable
	case m.Meta.Phase == cluster.Up:
		return console.Up
	}
	return console.Starting
}

// heardState is a node's state by its heartbeats.
func heardState(p confirm.Phase) console.NodeState {
	switch p {
	case confirm.Up:
		return console.Up
	case confirm.Leaving:
		return console.Stopped
	}
	return console.Starting
}

// names lists the nodes in order.
func (r *roster) names() []string { return slices.Sorted(maps.Keys(r.nodes)) }

// blocked lists the nodes whose gossip does not come through, with where it
// should come from.
func (r *roster) blocked() []string {
	var list []string
	for _, name := range r.names() {
		if e := r.nodes[name]; e.blocked {
			list = append(list, strings.TrimSuffix(name+" at "+gossipAddress(e.address), " at "))
		}
	}
	return list
}

// unseen are nodes that rules are for and that nobody has seen.
func (r *roster) unseen(rules []config.Rule) (warnings []string) {
	for _, rule := range rules {
		for _, name := range rule.Nodes {
			if _, known := r.nodes[name]; !known {
				warnings = append(warnings, fmt.Sprintf("rule %s is for node %s, which has not been seen in the farm", rule.Name, name))
			}
		}
	}
	return warnings
}

// gossipAddress is an address and port; empty if it is not known.
func gossipAddress(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
