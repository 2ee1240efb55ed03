package config

import (
	"cmp"
	"fmt"
	"time"
)

// Timings are those of the confirmation protocol (docs/protocol.md).
type Timings struct {
	// Heartbeat is the time between two heartbeats.
	Heartbeat time.Duration
	// Eviction is how long a peer may be silent before the others go on without it.
	Eviction time.Duration
	// Lease is how long a confirmation counts.
	Lease time.Duration
	// RoundTrip is the longest round trip between two nodes that is provided for.
	RoundTrip time.Duration
}

// RelayAfter is how many heartbeats a peer must have missed of another one before a
// third node passes the newest on.
const RelayAfter = 2

// Timings are what the profile stands for; those of Fast for one that there is not.
func (p Profile) Timings() Timings {
	const ms = time.Millisecond
	switch p {
	case Fastest:
		return Timings{25 * ms, 200 * ms, 300 * ms, 20 * ms}
	case LAN:
		return Timings{100 * ms, 800 * ms, 1200 * ms, 50 * ms}
	case WAN:
		return Timings{250 * ms, 2000 * ms, 3000 * ms, 300 * ms}
	}
	return Timings{50 * ms, 400 * ms, 600 * ms, 20 * ms}
}

// Timings are the profile's, and in their place what the file says.
func (c *Cluster) Timings() Timings {
	t := c.Profile.Timings()
	t.Heartbeat, t.Eviction, t.Lease = cmp.Or(c.Heartbeat, t.Heartbeat), cmp.Or(c.Eviction, t.Eviction), cmp.Or(c.Lease, t.Lease)
	return t
}

// Heard is how long a heartbeat makes a peer a member, whatever gossip says: three
// quarters of the time after which silence makes it none.
func (t Timings) Heard() time.Duration { return t.Eviction * 3 / 4 }

// LeastLease is what the lease must be longer than, so that buckets which two
// successive views give to one node never pause (DESIGN §3, rule 5):
// eviction + HB + RTT < lease - HB.
func (t Timings) LeastLease() time.Duration { return t.Eviction + 2*t.Heartbeat + t.RoundTrip }

// LeastEviction is what eviction must be longer than, so that a heartbeat which one
// node has missed comes by another before the peer is taken for silent:
// RelayAfter HB < Heard.
func (t Timings) LeastEviction() time.Duration { return RelayAfter * t.Heartbeat * 4 / 3 }

// timings reads what stands in the place of the profile's, and checks that all of
// them together hold.
func (p *problems) timings(raw rawCluster, c *Cluster) {
	before := len(p.list)
	c.Heartbeat = p.durationOr("cluster.heartbeat", raw.Heartbeat, 0, 10*time.Millisecond, 10*time.Second)
	c.Eviction = p.durationOr("cluster.eviction", raw.Eviction, 0, 20*time.Millisecond, 50*time.Second)
	c.Lease = p.durationOr("cluster.lease", raw.Lease, 0, 50*time.Millisecond, time.Minute)
	if len(p.list) > before {
		return
	}
	t := c.Timings()
	if t.Eviction <= t.LeastEviction() {
		p.add(p.firstGiven("cluster.eviction", "cluster.heartbeat"),
			fmt.Sprintf("with eviction %v and a heartbeat of %v, one lost frame could evict a node", t.Eviction, t.Heartbeat),
			fmt.Sprintf("use an eviction of more than %v, or a shorter heartbeat", upToMilliseconds(t.LeastEviction())))
	}
	if t.Lease <= t.LeastLease() {
		p.add(p.firstGiven("cluster.lease", "cluster.eviction", "cluster.heartbeat"),
			fmt.Sprintf("lease %v is not more than eviction %v, two heartbeats of %v and a round trip of %v together (%v): clients would wait at each change",
				t.Lease, t.Eviction, t.Heartbeat, t.RoundTrip, t.LeastLease()),
			fmt.Sprintf("use a lease of more than %v, or a shorter eviction or heartbeat", upToMilliseconds(t.LeastLease())))
	}
}

// upToMilliseconds rounds up, so that what is above the result is above d.
func upToMilliseconds(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// firstGiven is the first of the paths that was set; the last if none was.
func (p *problems) firstGiven(paths ...string) string {
	for _, path := range paths {
		if p.given(path) {
			return path
		}
	}
	return paths[len(paths)-1]
}
