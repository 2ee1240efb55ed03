package traffic

import (
	"fmt"
	"net/netip"
	"time"

	"thresher/config"
)

// Tried is one SYN of a prober and what came of it. A prober sends no SYN twice:
// each is one look at the farm.
type Tried struct {
	// Client is where it came from.
	Client netip.AddrPort
	// Sent is when it passed the client's interface.
	Sent time.Time
	// Answered tells whether a SYN-ACK came, After how long, and By which node's
	// Ethernet address.
	Answered bool
	After    time.Duration
	By       config.MAC
}

// Timeline is what a prober saw, in the order of sending.
type Timeline []Tried

// Gap is a time in which nothing was answered.
type Gap struct {
	// From is when the first SYN without an answer was sent, To when the next one
	// with an answer was; To is zero if there was none.
	From, To time.Time
	// SYNs is how many were without an answer.
	SYNs int
}

// Length is the time from From to To, false for a gap that did not end.
func (g Gap) Length() (time.Duration, bool) {
	if g.To.IsZero() {
		return 0, false
	}
	return g.To.Sub(g.From), true
}

// String writes the gap for logs.
func (g Gap) String() string {
	if length, ok := g.Length(); ok {
		return fmt.Sprintf("%v without answer, %d SYNs", length.Round(time.Millisecond), g.SYNs)
	}
	return fmt.Sprintf("no answer to the end, %d SYNs", g.SYNs)
}

// Gaps lists the runs of SYNs without an answer. Where clients of several nodes
// are probed, those that are served break the runs of those that are not: probe
// the clients of one node.
func (t Timeline) Gaps() []Gap {
	var all []Gap
	open := false
	for _, try := range t {
		switch {
		case try.Answered && open:
			all[len(all)-1].To = try.Sent
			open = false
		case !try.Answered && !open:
			all = append(all, Gap{From: try.Sent, SYNs: 1})
			open = true
		case !try.Answered:
			all[len(all)-1].SYNs++
		}
	}
	return all
}

// Lost is how many SYNs were not answered.
func (t Timeline) Lost() (n int) {
	for _, try := range t {
		if !try.Answered {
			n++
		}
	}
	return n
}

// Takeover is how long after at the first SYN was sent that another node than this
// one answered: the others serve its clients from then on. False if none did.
func (t Timeline) Takeover(at time.Time, from config.MAC) (time.Duration, bool) {
	for _, try := range t {
		if !try.Sent.Before(at) && try.Answered && try.By != from {
			return try.Sent.Sub(at), true
		}
	}
	return 0, false
}

// Slowest is the longest time to an answer.
func (t Timeline) Slowest() (worst time.Duration) {
	for _, try := range t {
		worst = max(worst, try.After)
	}
	return worst
}

// Blind is the longest time between two SYNs: what the timeline cannot see. The
// machine did not let the prober run.
func (t Timeline) Blind() (worst time.Duration) {
	for i := 1; i < len(t); i++ {
		worst = max(worst, t[i].Sent.Sub(t[i-1].Sent))
	}
	return worst
}
