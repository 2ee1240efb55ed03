package farm

import (
	"slices"

	"thresher/cluster"
)

// networks are the heartbeat networks by which other nodes are not heard though
// they are by another one, as status shows them.
type networks struct{ cut []cluster.Cut }

// update takes over which ones are cut now, and reports what is new. Of a node that
// is lost altogether something else is told.
func (n *networks) update(cut []cluster.Cut, members []cluster.Member, events *events) {
	for _, c := range n.cut {
		if !slices.Contains(cut, c) && isAlive(members, c.Node) {
			events.network(c, false)
		}
	}
	for _, c := range cut {
		if !slices.Contains(n.cut, c) {
			events.network(c, true)
		}
	}
	n.cut = cut
}

func isAlive(members []cluster.Member, name string) bool {
	return slices.ContainsFunc(members, func(m cluster.Member) bool { return m.Name == name && m.Alive })
}

// texts are the cut ones for people: which node, and where it should be heard.
func (n *networks) texts() (list []string) {
	for _, c := range n.cut {
		list = append(list, c.Node+" at "+c.Address.String())
	}
	return list
}
