package gate

import (
	"slices"

	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/pipeline"
)

// Surroundings are what the gate must know beside the lease.
type Surroundings struct {
	// Unsettled are the unsettled buckets.
	Unsettled confirm.Buckets
	// Sticky are the sticky-unsettled ones.
	Sticky confirm.Buckets
	// Others are what others hold, and what this node is about to get of that.
	Others Others
	// Released is what this node has just let go of.
	Released Released
	// HandedOver says whether all half-open handshakes of released buckets have
	// come. It counts only when buckets are gained or withheld.
	HandedOver bool
	// Routes are where packets go that are others'.
	Routes *Routes
}

// Others are what the others may hold, and what this node is about to get, by
// heartbeats and notices.
type Others struct {
	Hold   confirm.Buckets
	Expect confirm.Buckets
}

// Released are buckets that this node has just let go of, and whose new owners may
// not know it yet; Number is 0 if there are none.
type Released struct {
	Number  uint64
	Buckets confirm.Buckets
}

// Routes are where packets go that reach this node for VIPs in mode directed. They
// are never changed after they were made.
type Routes struct {
	Nodes  []config.MAC
	Owners []*pipeline.Owners // by rule, ICMP echo's last; nil: every node gets copies
}

// Equal tells whether packets go the same ways.
func (r *Routes) Equal(o *Routes) bool {
	return slices.Equal(r.Nodes, o.Nodes) && slices.EqualFunc(r.Owners, o.Owners, func(a, b *pipeline.Owners) bool {
		return a == b || a != nil && b != nil && *a == *b
	})
}
