package confirm

// relayMark is when a third node's heartbeat was last passed on to a peer.
type relayMark struct {
	id PeerID
	at Time
}

// relay passes on to peer y what it seems not to hear: the newest heartbeat of
// every z that y is two or more behind with, once per heartbeat interval. It is
// judged by what y says it has heard, when it says so, so that a peer that has
// fallen silent is not flooded. It goes on in every phase of every node
// concerned, starting and leaving ones too, and what was itself passed on is
// passed on further: so hearing is transitive.
func (n *Node) relay(y *peer) {
	for _, z := range n.peers {
		if z == y || z.last == nil || n.now.Sub(z.heard.at) >= 3*n.params.Heartbeat {
			continue
		}
		if n.behind(y, z) && y.mayRelay(z.id, n.now, n.params) {
			n.counters.Relayed++
			n.out.Relays = append(n.out.Relays, Relay{To: y.name, Heartbeat: z.last})
		}
	}
}

// behind says whether y has missed enough heartbeats of z.
func (n *Node) behind(y, z *peer) bool {
	e, ok := y.last.echoOf(z.id)
	missed := uint64(n.params.RelayAfter)
	switch {
	case !ok || e.Boot < z.last.Boot:
		return z.last.Seq >= missed
	case e.Boot > z.last.Boot:
		return false
	}
	return z.last.Seq >= e.Heard+missed
}

// mayRelay keeps to one per heartbeat interval for each third node.
func (y *peer) mayRelay(z PeerID, now Time, p Params) bool {
	for i := range y.relayed {
		m := &y.relayed[i]
		if m.id != z {
			continue
		}
		if now.Sub(m.at) < p.Heartbeat {
			return false
		}
		m.at = now
		return true
	}
	y.relayed = append(y.relayed, relayMark{z, now})
	return true
}
