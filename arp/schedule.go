package arp

import "time"

// When a binding is announced after it has become this node's. Neighbours may
// miss one announcement, or take no new address for an entry that they have just
// updated: Linux ignores changes for locktime, 1 s, and MetalLB found that 1.1 s
// lies safely above it (metallb/metallb#172).
const (
	burstInterval = 1100 * time.Millisecond
	burstLength   = 5 * time.Second
	// refreshInterval keeps switches and neighbours that have aged the VIP out.
	refreshInterval = 60 * time.Second
)

// nextAnnouncement is the schedule: of the announcements of a binding that was
// changed at zero, it gives the first that is due after the time since. They are
// at once, every 1.1 s for 5 s, and then every 60 s. A negative since gives the
// one at once.
func nextAnnouncement(since time.Duration) time.Duration {
	if since < 0 {
		return 0
	}
	if next := since - since%burstInterval + burstInterval; next <= burstLength {
		return next
	}
	return since - since%refreshInterval + refreshInterval
}
