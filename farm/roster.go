package farm

import (
	"maps"
	"net/netip"
	"slices"

	"thresher/cluster"
	"thresher/console"
)

// roster is every node that this one knows of, gone ones included, as status
// shows them.
type roster struct {
	self  string
	nodes map[string]rosterEntry
}

type rosterEntry struct {
	address netip.Addr
	state   console.NodeState
}

func newRoster(self string) roster {
	return roster{self: self, nodes: make(map[string]rosterEntry)}
}

// update takes over the member list and reports what changed. A node that the
// list has forgotten stays as it was last.
func (r *roster) update(members []cluster.Member, events *events) {
	for _, m := range members {
		old, known := r.nodes[m.Name]
		entry := rosterEntry{address: m.Address.Addr(), state: stateOf(m)}
		r.nodes[m.Name] = entry
		if m.Name != r.self && (!known || old.state != entry.state) {
			events.node(m.Name, entry.state)
		}
	}
}

// stateOf is a member's state by what it last said of itself. A node says that
// it leaves before it goes; one that has not, is lost.
func stateOf(m cluster.Member) console.NodeState {
	switch {
	case m.Meta.Phase == cluster.Leaving, m.Meta.Phase == cluster.Stopped:
		return console.Stopped
	case !m.Alive:
		return console.Unreachable
	case m.Meta.Phase == cluster.Draining:
		return console.Draining
	case m.Meta.Phase == cluster.Up:
		return console.Up
	}
	return console.Starting
}

// names lists the nodes in order.
func (r *roster) names() []string { return slices.Sorted(maps.Keys(r.nodes)) }
