package sticky

import "time"

// Params are the times of stickiness. The zero value of a field is its default.
type Params struct {
	// Lease is how long a grant counts, Eviction how long a peer may be silent
	// before it counts as dead: confirmation's. Defaults 600 and 400 ms.
	Lease, Eviction time.Duration
	// Heartbeat is confirmation's, and how often a holder asks for its grant.
	// Default 50 ms.
	Heartbeat time.Duration
	// Idle is the least time for which a rule's client is remembered. It sets how
	// often the memory is swept. Default 30 min.
	Idle time.Duration
}

// Times that no farm needs to change.
const (
	// linger is how long a packet may wait in this machine before it opens a flow:
	// pipeline.LotAge and the age at which the pipeline drops what it was handed
	// over, 300 ms, and some room.
	linger = 350 * time.Millisecond
	// askAgain is how often an Ask is repeated, askFor how long: as long as the
	// client's SYN may be parked.
	askAgain, askFor = 25 * time.Millisecond, 300 * time.Millisecond
	// mute is how long a member may leave every Ask unanswered before it counts as
	// dead: messages reach it no more, whatever its heartbeats do.
	mute = 2 * time.Second
	// elsewhereFor is how long it is believed that a client is another's.
	elsewhereFor = 2 * time.Second
	// MaxPending is how many clients may be asked about at a time. More is a
	// flood, whose clients come again.
	MaxPending = 8192
	// MaxVerdicts is how many clients a node remembers answers about. When there
	// are more, it begins anew.
	MaxVerdicts = 1 << 16
	// leastSweep and mostSweep bound how often the memory is swept.
	leastSweep, mostSweep = time.Second, 30 * time.Second
	// maxGrants is how many Holds without an answer are known.
	maxGrants = 64
)

func (p Params) withDefaults() Params {
	or := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	or(&p.Lease, 600*time.Millisecond)
	or(&p.Eviction, 400*time.Millisecond)
	or(&p.Heartbeat, 50*time.Millisecond)
	or(&p.Idle, 30*time.Minute)
	return p
}

// hold is how long a holder that has fallen silent may still remember clients, and
// what it let in be under way: its lease on its clock, which may be slow by 1/32
// and a tick of its kernel's by 12 ms (docs/protocol.md), and linger.
func (p Params) hold() time.Duration {
	return p.Lease + p.Lease/32 + 12*time.Millisecond + linger
}

// sweep is how often the memory is swept while nothing else asks for it.
func (p Params) sweep() time.Duration { return min(max(p.Idle/4, leastSweep), mostSweep) }
