package farm

import (
	"fmt"
	"time"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/confirmation"
)

// fence is why a node that is up lets no new flow in. It is a pure state machine: the
// loop tells it how the node stands, at least once a second.
type fence struct {
	why   string    // "" while flows are let in, or have not been kept out for long
	since time.Time // since when there has been no lease; zero while there is one
	// minority is why nobody in the view lets anything in; "" as far as somebody does.
	minority string
}

// fencePatience is how long a node must have been without a lease before that is said,
// where it is not the partition policy's doing: who comes up, or stood still, has none
// for a moment.
const fencePatience = 3 * time.Second

// look takes over how the node stands: whether it is up, has a lease, and why its view
// may let nothing in. What is new, it says.
func (f *fence) look(now time.Time, up, leased bool, minority string, events *events) {
	before := f.why
	switch {
	case leased:
		*f = fence{}
	case !up:
		*f = fence{minority: minority}
	case f.since.IsZero():
		f.since = now
		fallthrough
	default:
		f.why, f.minority = minority, minority
		if minority == "" && now.Sub(f.since) >= fencePatience {
			f.why = reasonUnconfirmed
		}
	}
	if up && f.why != before {
		events.fenced(f.why)
	}
}

// reasonUnconfirmed is why a node without a lease lets nothing in.
const reasonUnconfirmed = "its lease is over; the others do not confirm it, or it has no time to hear them"

// minority is why nobody in a view lets anything in by the partition policy, where all
// are so many nodes; "" if it allows it.
func minority(policy config.Partition, v cluster.View, all int) string {
	here := len(v.Nodes)
	if policy != config.Majority || here == 0 || 2*here > all {
		return ""
	}
	are := "are"
	if here == 1 {
		are = "is"
	}
	return fmt.Sprintf("%d of %d nodes %s here, a majority is %d", here, all, are, all/2+1)
}

// fenceIn looks whether this node lets new flows in.
func (l *loop) fenceIn(now time.Time, shown *confirmation.Picture) {
	l.fence.look(now, l.life.state == console.Up, l.leaseStatus(shown) != nil, minority(l.cfg.Cluster.Partition, l.division.View, shown.Status.All), l.events)
}

// lets says whether a node of the view lets new flows in, as far as this one knows.
func (l *loop) lets(node string) bool {
	return l.fence.minority == "" && (node != l.cfg.Node || l.fence.why == "")
}

// server names the node that lets a bucket's new flows in; "" if none does.
func (l *loop) server(rule int, bucket uint16) string {
	if node := l.division.Owner(rule, bucket); l.lets(node) {
		return node
	}
	return ""
}
