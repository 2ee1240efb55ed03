package wire

import (
	"cmp"
	"maps"
	"slices"
)

// Problem is a node that does not get the probes for a VIP. Of a node that gets
// those of some senders and not of others, the latter are named.
type Problem struct {
	// VIP is the number of the VIP.
	VIP uint8
	// Node is who does not get them; empty if nobody does who ought to.
	Node string
	// From are the senders whose probes do not come, sorted; empty if none's do.
	From []string
}

// way is what is known of one viewer and VIP.
type way struct {
	vip    uint8
	viewer ID
}

// Problems are those of all nodes as far as this node knows, in order.
func (w *Watch) Problems() []Problem {
	senders, blind := make(map[way]int), make(map[way][]string)
	viewers := make(map[uint8]int)
	for k, t := range w.tracks {
		if !w.current(k) {
			continue
		}
		at := way{k.vip, k.viewer}
		if senders[at]++; senders[at] == 1 {
			viewers[k.vip]++
		}
		if t.blind {
			blind[at] = append(blind[at], w.name(k.sender))
		}
	}
	nobody := make(map[uint8]int)
	for at, from := range blind {
		if len(from) == senders[at] {
			nobody[at.vip]++
		}
	}
	all := make(map[way]Problem)
	for at, from := range blind {
		switch {
		case viewers[at.vip] > 1 && nobody[at.vip] == viewers[at.vip]:
			all[way{vip: at.vip}] = Problem{VIP: at.vip}
		case len(from) == senders[at]:
			all[at] = Problem{VIP: at.vip, Node: w.name(at.viewer)}
		default:
			slices.Sort(from)
			all[at] = Problem{VIP: at.vip, Node: w.name(at.viewer), From: from}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.VIP, b.VIP), cmp.Compare(a.Node, b.Node))
	})
}

// current tells whether the sender of a track still sends probes for the VIP.
func (w *Watch) current(k track) bool {
	if k.sender == w.self.From {
		return w.sends[k.vip]
	}
	n := w.nodes[k.sender]
	return n != nil && slices.ContainsFunc(n.last.Sent, func(s Sent) bool { return s.VIP == k.vip })
}

func (w *Watch) name(id ID) string { return w.report(id).Name }
