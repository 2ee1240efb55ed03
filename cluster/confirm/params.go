package confirm

import (
	"errors"
	"fmt"
	"time"

	"thresher/config"
)

// Partition is what the sides of a split farm do.
type Partition uint8

const (
	// Serve lets each side of a split serve its side.
	Serve Partition = iota
	// Majority lets only a side with more than half of the nodes let new flows in:
	// of those that are configured, or were met at once if these are more.
	Majority
)

// Params are the protocol's timings. All nodes of a farm should run the same;
// what safety needs of a peer's (its lease) is in its heartbeats, so that a
// rolling change of profile is safe, only slower than either.
type Params struct {
	// Heartbeat is the time between two heartbeats (HB).
	Heartbeat time.Duration
	// Lease is how long a confirmation counts, from the sending of the
	// heartbeat that it echoes (L).
	Lease time.Duration
	// Longest is the longest lease that any node of the farm may be running, for
	// the time in which the farm changes its profile node by node; 0 means Lease.
	// A new process waits for it, since it cannot know whom its predecessor gave
	// what.
	Longest time.Duration
	// Eviction is how long a peer may be silent before it leaves the target.
	Eviction time.Duration
	// Heard is how long a heartbeat makes a peer a member, whatever the
	// membership says.
	Heard time.Duration
	// RelayAfter is how many heartbeats a peer must have missed of another one
	// before a third passes the newest on.
	RelayAfter int
	// Gap is the least time between two heartbeats that are sent at once.
	Gap time.Duration
	// RoundTrip is the longest round trip between two nodes that is provided
	// for. It is used by Validate only.
	RoundTrip time.Duration
	// Partition is the policy for splits.
	Partition Partition
	// Nodes is how many nodes are configured; Majority needs it, and counts more if
	// more are met.
	Nodes int
}

// gap is the least time between two heartbeats that are sent at once.
const gap = 2 * time.Millisecond

// ParamsFor are the protocol's timings where a configuration's are t.
func ParamsFor(t config.Timings) Params {
	return Params{
		Heartbeat: t.Heartbeat, Lease: t.Lease, Eviction: t.Eviction, Heard: t.Heard(),
		RelayAfter: config.RelayAfter, Gap: gap, RoundTrip: t.RoundTrip,
	}
}

// DefaultParams are those of profile fast: takeover of a crashed node's buckets
// in about 0.6 s.
func DefaultParams() Params { return ParamsFor(config.Fast.Timings()) }

// FastestParams take over in about 0.3 s and are for quiet machines: a node
// that is starved of its CPU for 200 ms is evicted.
func FastestParams() Params { return ParamsFor(config.Fastest.Timings()) }

// LANParams are for busy or jittery segments: half the heartbeats of
// DefaultParams, and twice its patience.
func LANParams() Params { return ParamsFor(config.LAN.Timings()) }

// WANParams are for heartbeats that cross routers.
func WANParams() Params { return ParamsFor(config.WAN.Timings()) }

// Wait is how long others must wait for a lease of this length to be over (W):
// the lease, 1/32 for clocks that run apart, and 12 ms for a coarse clock's tick.
func Wait(lease time.Duration) time.Duration {
	return lease + lease/32 + 12*time.Millisecond
}

// Takeover returns how long after a crash the others let in new flows for the
// lost node's buckets: usually, and at worst where no heartbeat is lost. They wait
// for the lease that they gave it last: it counts from when they read its last
// heartbeat, which was sent up to a heartbeat before the crash, and is read up to
// a heartbeat late.
func (p Params) Takeover() (usual, worst time.Duration) {
	w := Wait(p.Lease)
	return w - p.Heartbeat/2, w + 2*p.Heartbeat
}

// AllowsLateReading says whether what only renews may wait in the receiver's
// socket until its own next heartbeat, and buckets that two successive views give
// to one node still never pause (rule 5): a confirmation is then up to a heartbeat
// older when it counts.
func (p Params) AllowsLateReading() bool {
	return p.Eviction+2*p.Heartbeat+p.RoundTrip < p.Lease-p.Heartbeat
}

// MaxLease bounds the lease that a peer may claim to run, and so the wait for it.
const MaxLease = time.Minute

// Validate checks that the timings fit together (rule 5), so that buckets that
// two successive views give to one node never pause. The error names every
// inequality that does not hold.
func (p Params) Validate() error {
	var errs []error
	less := func(a time.Duration, what string, b time.Duration, than string) {
		if a >= b {
			errs = append(errs, fmt.Errorf("%s (%v) must be less than %s (%v)", what, a, than, b))
		}
	}
	hb := p.Heartbeat
	less(0, "zero", hb, "heartbeat")
	less(0, "zero", p.Gap, "the gap between heartbeats")
	less(p.Gap, "the gap between heartbeats", hb, "heartbeat")
	less(time.Duration(p.RelayAfter)*hb, "the time to relay", p.Heard, "heard")
	less(p.Heard, "heard", p.Eviction, "eviction")
	less(p.Eviction, "eviction", p.Lease-2*hb, "lease less two heartbeats")
	less(p.Eviction+hb+p.RoundTrip, "eviction, heartbeat and round trip", p.Lease-hb, "lease less a heartbeat")
	if longest := max(p.Lease, p.Longest); longest > MaxLease {
		errs = append(errs, fmt.Errorf("lease (%v) must not be longer than %v", longest, MaxLease))
	}
	if p.RelayAfter < 1 {
		errs = append(errs, fmt.Errorf("relay after %d missed heartbeats: must be at least 1", p.RelayAfter))
	}
	if p.Partition == Majority && p.Nodes < 1 {
		errs = append(errs, errors.New("partition majority needs the number of configured nodes"))
	}
	return errors.Join(errs...)
}
