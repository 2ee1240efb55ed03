package farm

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
)

const (
	// conflictShown is how long status shows a conflict after the last claim was seen.
	// Claims are passed on once in 10 s, and a machine that has a VIP claims it when it
	// asks for a neighbour, which takes some 30 s (RFC 4861, 10: REACHABLE_TIME) or
	// longer.
	conflictShown = 2 * time.Minute
	// strangerGrace is how long a claim with the VMAC may come from who is not known to
	// be of the farm: a node that has just joined is heard of within a second or two.
	strangerGrace = 3 * time.Second
	// conflictQuiet is how long one conflict keeps quiet about the next of the same VIP
	// from the same machine, as package arp has it of its own.
	conflictQuiet = 10 * time.Second
)

// conflicts are the claims of VIPs by machines that must not have them.
type conflicts struct {
	mu       sync.Mutex
	last     map[netip.Addr]claim
	nodes    map[config.MAC]string   // the farm's, by their own Ethernet addresses
	doubtful map[netip.Addr]doubtful // claims with the VMAC
}

type claim struct {
	mac    config.MAC
	node   string // of this farm, whose address that is; "" for none
	shared bool   // with the VMAC: mac is where the frame came from
	at     time.Time
}

// doubtful is a claim with a VIP's VMAC by who is not known.
type doubtful struct {
	source config.MAC
	since  time.Time
}

// text says what the claim is, and what to do.
func (c claim) text(vip netip.Addr) string {
	switch {
	case c.shared:
		return fmt.Sprintf("%v answers for the VIP %v with the farm's shared address and is no node of this farm: it is another farm's, or has another key; "+
			"find it by the switch's table, and have it join this farm (thresher join), or give one of the farms another VIP", c.mac, vip)
	case c.node != "":
		return fmt.Sprintf("%v claims the VIP %v: that is node %s, on which somebody has put the VIP on an interface; there: ip address show to %v, "+
			"remove it (ip address del) and from the network configuration", c.mac, vip, c.node, vip)
	}
	return fmt.Sprintf("%v claims the VIP %v: find that machine and give it another address", c.mac, vip)
}

// seen takes note of a claim with another address than the VMAC.
func (c *conflicts) seen(vip netip.Addr, mac config.MAC, now time.Time) claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := claim{mac: mac, node: c.nodes[mac], at: now}
	c.note(vip, one)
	return one
}

// note is seen of any claim. The caller holds c.mu.
func (c *conflicts) note(vip netip.Addr, one claim) {
	if c.last == nil {
		c.last = make(map[netip.Addr]claim)
	}
	c.last[vip] = one
}

// sighted takes note of a claim with the VMAC. Of each VIP one at a time is in doubt,
// so that forged ones cost no more.
func (c *conflicts) sighted(vip netip.Addr, source config.MAC, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.nodes[source]; known {
		return
	}
	if _, another := c.doubtful[vip]; another {
		return
	}
	if c.doubtful == nil {
		c.doubtful = make(map[netip.Addr]doubtful)
	}
	c.doubtful[vip] = doubtful{source, now}
}

// know takes over who is of the farm, and returns the claims, by VIP, that have been in
// doubt for long enough and are still none of a node's. Those that were told a moment
// ago are not told again.
func (c *conflicts) know(nodes map[config.MAC]string, now time.Time) map[netip.Addr]claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = nodes
	found := make(map[netip.Addr]claim)
	for vip, d := range c.doubtful {
		_, known := nodes[d.source]
		if !known && now.Sub(d.since) < strangerGrace {
			continue
		}
		delete(c.doubtful, vip)
		if known {
			continue
		}
		one, before := claim{mac: d.source, shared: true, at: now}, c.last[vip]
		if before.mac != one.mac || now.Sub(before.at) >= conflictQuiet {
			found[vip] = one
		}
		c.note(vip, one)
	}
	return found
}

// of is what status says of a VIP; nil if nobody else has claimed it for a while.
func (c *conflicts) of(vip netip.Addr, now time.Time) *console.Conflict {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.last[vip]
	if !ok || now.Sub(one.at) > conflictShown {
		return nil
	}
	return &console.Conflict{MAC: one.mac.String(), Seen: one.at, Text: one.text(vip)}
}

// claimed is told of claims by the responders.
func (p *parts) claimed(vip netip.Addr, mac config.MAC) {
	p.events.conflict(vip, p.conflicts.seen(vip, mac, time.Now()))
}

// sighted is told by the responders who says that a VIP is at its VMAC.
func (p *parts) sighted(vip netip.Addr, source config.MAC) {
	p.conflicts.sighted(vip, source, time.Now())
}

// knowsFarm says whether gossip has found the other nodes, if there are any.
func (l *loop) knowsFarm() bool { return l.life.joined && !l.rejoining }

// watchClaims tells of those who answer for a VIP as this farm does and are not of it.
// Before this node has joined, it can't tell.
func (l *loop) watchClaims(now time.Time) {
	if !l.knowsFarm() {
		return
	}
	for vip, one := range l.conflicts.know(knownNodes(l.cluster.Members(), l.watchdog.nodes, now), now) {
		l.events.conflict(vip, one)
	}
}

// knownNodes are the nodes that are there, by gossip or by their reports, which are
// sealed with the farm's key.
func knownNodes(members []cluster.Member, reporters map[config.MAC]reporter, now time.Time) map[config.MAC]string {
	nodes := make(map[config.MAC]string)
	for mac, r := range reporters {
		if now.Sub(r.at) <= strangerGrace {
			nodes[mac] = r.name
		}
	}
	for _, m := range members {
		if m.Alive && !m.Meta.MAC.IsZero() {
			nodes[m.Meta.MAC] = m.Name
		}
	}
	return nodes
}
