package netcheck

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"thresher/config"
	"thresher/farm/wire"
	"thresher/health"
)

// onTheWay is how many probes may be missing: their report was not sent yet.
const onTheWay = 2

// judge makes the result. driver is the interface's, as ethtool names it.
func (s *survey) judge(driver string) Result {
	r := Result{
		Node: s.cfg.Node, Interface: s.cfg.Interface, OK: true,
		Peers: []Peer{}, Deliveries: []Delivery{}, Findings: []Finding{},
	}
	s.judgePeers(&r)
	for i := range s.cfg.VIPs {
		s.judgeDelivery(&r, uint8(i), driver)
		s.judgeClaims(&r, i)
		s.judgeQuestions(&r, i)
	}
	return r
}

// inOrder are the peers by name. Of one that was started anew the younger counts.
func (s *survey) inOrder() []wire.ID {
	return slices.SortedFunc(maps.Keys(s.peers), func(a, b wire.ID) int {
		return cmp.Or(strings.Compare(s.peers[a].name, s.peers[b].name), cmp.Compare(a, b))
	})
}

// judgePeers finds who of the configuration's nodes did not take part, or has
// another configuration.
func (s *survey) judgePeers(r *Result) {
	heard := make(map[netip.Addr]bool)
	for _, id := range s.inOrder() {
		p := s.peers[id]
		if heard[p.address] {
			continue
		}
		heard[p.address] = true
		r.Peers = append(r.Peers, Peer{p.name, p.address, p.mac.String()})
		if p.digest != s.digest {
			r.add(health.LevelError, "give both the same vips, rules, default and key file",
				"%s (%v) has another configuration than this node", p.name, p.address)
		}
	}
	for _, other := range s.cfg.Cluster.Others() {
		if !slices.ContainsFunc(other, func(a netip.AddrPort) bool { return heard[a.Addr()] }) {
			r.add(health.LevelError,
				fmt.Sprintf("run thresher netcheck there at the same time, or the daemon, with the same key file; the switches must let broadcast frames of EtherType 0x%X through", wire.EtherType),
				"nothing was heard of %v", other[0].Addr())
		}
	}
	if r.OK && len(heard) > 0 {
		r.add(health.LevelOK, "", "all nodes of the configuration take part: %d with this one", len(heard)+1)
	}
	if len(heard) == 0 && r.OK {
		r.add(health.LevelError, "name the other nodes in cluster.join, and run thresher netcheck there at the same time", "there is nobody to check the network with")
	}
}

// judgeDelivery finds who gets whose probes for a VIP.
func (s *survey) judgeDelivery(r *Result, vip uint8, driver string) {
	var all []Delivery
	for _, id := range s.inOrder() {
		if p := s.peers[id]; p.digest == s.digest {
			all = append(all, s.deliveries(vip, id, p)...)
		}
	}
	r.Deliveries = append(r.Deliveries, all...)
	v := s.cfg.VIPs[vip]
	none, well := 0, 0
	for _, d := range all {
		if d.Seen == 0 {
			none++
		}
		if d.Seen+onTheWay >= d.Sent {
			well++
		}
	}
	switch {
	case len(all) == 0:
	case well == len(all):
		r.add(health.LevelOK, "", "frames for %v (VIP %v, mode %v) reach every node, and keep doing so", v.MAC, v.Address, v.Mode)
	case none == len(all):
		r.add(health.LevelError, cure(v, driver), "no node gets frames for %v (VIP %v, mode %v)", v.MAC, v.Address, v.Mode)
	default:
		for _, d := range all {
			if d.Seen+onTheWay < d.Sent {
				r.add(health.LevelError, cure(v, driver), "%s", d.text(v))
			}
		}
	}
}

// deliveries are those from this node to a peer and back, as far as enough was
// sent.
func (s *survey) deliveries(vip uint8, id wire.ID, p *peer) (all []Delivery) {
	v := s.cfg.VIPs[vip]
	saw := p.saw[vip]
	if sent := s.sent[vip] - p.since[vip]; sent > onTheWay {
		all = append(all, Delivery{
			VIP: v.Address, MAC: v.MAC.String(), From: s.cfg.Node, To: p.name, Sent: sent, Seen: min(saw.Count, sent),
			late: saw.Count > 0 && saw.Seq+onTheWay < s.sent[vip],
		})
	}
	if sent := p.sent[vip] - p.began[vip]; sent > onTheWay {
		d := Delivery{VIP: v.Address, MAC: v.MAC.String(), From: p.name, To: s.cfg.Node, Sent: sent}
		if seen := s.seen[way{vip, id}]; seen != nil {
			d.Seen = min(seen.Count, sent)
			d.late = seen.Seq+onTheWay < p.sent[vip]
		}
		all = append(all, d)
	}
	return all
}

func (d Delivery) text(v config.VIP) string {
	frames := fmt.Sprintf("frames for %v (VIP %v, mode %v) from %s", v.MAC, v.Address, v.Mode, d.From)
	switch {
	case d.Seen == 0:
		return fmt.Sprintf("%s gets no %s", d.To, frames)
	case d.late:
		return fmt.Sprintf("%s got %d %s, and then none any more", d.To, d.Seen, frames)
	}
	return fmt.Sprintf("%s got %d of %d %s: something limits them", d.To, d.Seen, d.Sent, frames)
}

// mayHave tells whether an Ethernet address may answer for a VIP: the VMAC, or in mode
// directed any node's own.
func (s *survey) mayHave(v config.VIP, mac config.MAC) bool {
	if v.Mode != config.Directed {
		return mac == v.MAC
	}
	for _, p := range s.peers {
		if p.mac == mac {
			return true
		}
	}
	return false
}

// judgeClaims finds out who answers for a VIP.
func (s *survey) judgeClaims(r *Result, vip int) {
	v := s.cfg.VIPs[vip]
	if len(s.claims[vip]) == 0 {
		return // It was not asked for.
	}
	foreign := make(map[claim]bool)
	most := 0
	for _, answers := range s.claims[vip] {
		right := 0
		for one := range answers {
			switch {
			case s.foreign(v, one):
				one.reply = true // It need not be told twice.
				foreign[one] = true
			case one.reply:
				right++
			}
		}
		most = max(most, right)
	}
	for _, one := range slices.SortedFunc(maps.Keys(foreign), func(a, b claim) int { return slices.Compare(a.mac[:], b.mac[:]) }) {
		what, cure := one.text(v)
		r.add(health.LevelError, cure, "%s", what)
	}
	switch {
	case most > 1:
		r.add(health.LevelError, "look at thresher status on each: nodes that do not know of one another both answer; their gossip or their heartbeats are blocked",
			"%d nodes answer for the VIP %v at once", most, v.Address)
	case most == 1 && v.Mode == config.Directed:
		r.add(health.LevelOK, "", "one node answers for the VIP %v, with its own address", v.Address)
	case most == 1:
		r.add(health.LevelOK, "", "one node answers for the VIP %v, with %v", v.Address, v.MAC)
	case len(foreign) == 0:
		r.add(health.LevelOK, "", "nobody else has the VIP %v", v.Address)
	}
}

// text says what a foreign claim is, and what to do.
func (one claim) text(v config.VIP) (what, cure string) {
	if one.mac == v.MAC && v.Mode != config.Directed {
		return fmt.Sprintf("%v answers for the VIP %v with its shared address %v, and is no node of this farm: it is another farm's, or has another key", one.source, v.Address, one.mac),
			"find that machine by the switch's table, and have it join this farm (thresher join), or give one of the farms another VIP"
	}
	return fmt.Sprintf("%v says that the VIP %v is its own (frames come from %v)", one.mac, v.Address, one.source),
		"find that machine and give it another address, or give the farm another VIP"
}

// judgeQuestions finds out whether who asks for an IPv6 VIP reaches this node. Such
// questions go to a group, of which a switch that snoops MLD may think that it has no
// members (RFC 4541, 3); ARP's are broadcast.
func (s *survey) judgeQuestions(r *Result, vip int) {
	v := s.cfg.VIPs[vip]
	if !v.Address.Is6() {
		return
	}
	heard, of := 0, 0
	for _, id := range s.inOrder() {
		p := s.peers[id]
		if p.asks <= onTheWay {
			continue
		}
		of++
		if s.asking[vip][p.mac] {
			heard++
			continue
		}
		r.add(health.LevelError,
			"switches that snoop MLD must bring solicited-node groups (ff02::1:ff00:0/104) to their members: give the segment an MLD querier, or switch MLD snooping off there",
			"%s gets no neighbour solicitations for the VIP %v from %s", s.cfg.Node, v.Address, p.name)
	}
	if of > 0 && heard == of {
		r.add(health.LevelOK, "", "neighbour solicitations for the VIP %v reach this node", v.Address)
	}
}
