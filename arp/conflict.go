package arp

import (
	"net/netip"
	"time"

	"thresher/config"
)

// defendInterval is how long one conflict keeps quiet about the next of the same
// VIP: RFC 5227 §1.1, DEFEND_INTERVAL.
const defendInterval = 10 * time.Second

// conflicts passes on claims of VIPs by foreign machines, at most one per VIP
// and defendInterval. It remembers nothing but VIPs, so a flood of forged claims
// cannot make it grow.
type conflicts struct {
	report func(netip.Addr, config.MAC)
	last   map[netip.Addr]time.Time
}

// seen handles one claim, and tells whether it was passed on.
func (c *conflicts) seen(vip netip.Addr, mac config.MAC, now time.Time) bool {
	if last, ok := c.last[vip]; ok && now.Sub(last) < defendInterval {
		return false
	}
	if c.last == nil {
		c.last = map[netip.Addr]time.Time{}
	}
	c.last[vip] = now
	if c.report != nil {
		c.report(vip, mac)
	}
	return true
}
