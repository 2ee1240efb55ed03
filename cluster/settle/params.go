package settle

import "time"

// Params are the times of settling. The zero value of a field is its default.
type Params struct {
	// Margin is how long after letting go of a bucket a packet that was let in
	// before may still open a flow: it sits in a ring or in the kernel's receive
	// path. Default 10 ms, many times the longest softirq budget (2 ms,
	// net.core.netdev_budget_usecs).
	Margin time.Duration
	// Rescan is the least time between two scans while foreign flows are here;
	// a scan never takes more than a twentieth of the time. Default 2 s.
	Rescan time.Duration
	// Repeat is how often a member that is waited for is asked. Default 5 s.
	Repeat time.Duration
	// Hold is how long the flows of a member that vanished are believed to live
	// on in its kernel. Default 60 s.
	Hold time.Duration
	// Nodes is how many nodes the farm has, this one included, as far as the
	// configuration tells: until so many are known, others may have flows. Default 0:
	// only those count that are heard of.
	Nodes int
}

// Times that no farm needs to change.
const (
	// answerGap is the least time between two sendings of one report to one
	// peer, so that two nodes that ask each other do not go on at once for ever.
	answerGap = time.Second
	// scanRetry is how long after a failed scan the next may be.
	scanRetry = 200 * time.Millisecond
	// scanShare is the part of the time, 1/scanShare, that scans may take.
	scanShare = 20
	// maxPeers bounds how many names are remembered: the largest farm has 32.
	maxPeers = 256
)

func (p Params) withDefaults() Params {
	or := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	or(&p.Margin, 10*time.Millisecond)
	or(&p.Rescan, 2*time.Second)
	or(&p.Repeat, 5*time.Second)
	or(&p.Hold, 60*time.Second)
	return p
}
