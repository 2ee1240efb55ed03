package farm

import (
	"net/netip"
	"sync"
	"time"

	"thresher/config"
	"thresher/console"
)

// conflictShown is how long status shows a conflict after the last claim was seen.
// Claims are passed on once in 10 s, and a machine that has a VIP claims it when it
// asks for a neighbour, which takes some 30 s (RFC 4861, 10: REACHABLE_TIME) or
// longer.
const conflictShown = 2 * time.Minute

// conflicts are the claims of VIPs by foreign machines.
type conflicts struct {
	mu   sync.Mutex
	last map[netip.Addr]claim
}

type claim struct {
	mac config.MAC
	at  time.Time
}

// seen takes note of a claim.
func (c *conflicts) seen(vip netip.Addr, mac config.MAC, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = make(map[netip.Addr]claim)
	}
	c.last[vip] = claim{mac, now}
}

// of is what status says of a VIP; nil if nobody else has claimed it for a while.
func (c *conflicts) of(vip netip.Addr, now time.Time) *console.Conflict {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.last[vip]
	if !ok || now.Sub(one.at) > conflictShown {
		return nil
	}
	return &console.Conflict{MAC: one.mac.String(), Seen: one.at}
}

// claimed is told of claims by the responders.
func (p *parts) claimed(vip netip.Addr, mac config.MAC) {
	p.conflicts.seen(vip, mac, time.Now())
	p.events.conflict(vip, mac)
}
