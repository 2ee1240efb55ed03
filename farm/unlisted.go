package farm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"thresher/config"
	"thresher/console"
)

// joinPatience is for how long a node must have been known before it is missed in
// cluster.join: a farm that is just growing or changing its files is not nagged.
const joinPatience = time.Minute

// peer is where a node gossips, as cluster.join has it; nil if that is not known.
func (e rosterEntry) peer() config.Peer {
	if !e.address.IsValid() {
		return nil
	}
	return append(config.Peer{e.address}, e.further...)
}

// unlisted are the nodes that have been known for so long and that this node's
// cluster.join does not name. One that has said goodbye may be gone for good.
func (l *local) unlisted(now time.Time, patience time.Duration) (list []config.Peer) {
	listed := l.listed()
	for _, name := range l.roster.names() {
		e := l.roster.nodes[name]
		peer := e.peer()
		if name != l.cfg.Node && !e.left && peer != nil && now.Sub(e.since) >= patience && !names(listed, peer) {
			list = append(list, peer)
		}
	}
	return list
}

// listed are the other nodes that the file names by now.
func (l *local) listed() []config.Peer { return slices.Concat(l.cfg.Cluster.Others(), l.written) }

// names tells whether a list has a peer, by one of its addresses.
func names(list []config.Peer, peer config.Peer) bool {
	return slices.ContainsFunc(list, func(one config.Peer) bool {
		return slices.ContainsFunc(one, func(a netip.AddrPort) bool { return slices.Contains(peer, a) })
	})
}

// joinList is what status says of cluster.join where that names too few.
func (l *local) joinList(now time.Time) *console.JoinList {
	missing := l.unlisted(now, joinPatience)
	if len(missing) == 0 {
		return nil
	}
	j := &console.JoinList{Named: len(l.listed()) + 1}
	for _, peer := range missing {
		j.Missing = append(j.Missing, peer.String())
	}
	return j
}

// watchJoin tells that cluster.join names too few nodes, once until it names all again.
func (l *local) watchJoin(now time.Time) {
	j := l.joinList(now)
	if j != nil && !l.missing {
		l.events.add(console.LevelWarn, "join_incomplete", fmt.Sprintf("%v: a node that starts asks those that it names, and a majority may be counted of them", j),
			map[string]string{"missing": strings.Join(j.Missing, ", ")})
	}
	l.missing = j != nil
}
