package farm

import "time"

// comeback holds withdrawn rules back for a while. A change of weights takes some
// 50 ms until its buckets are served elsewhere, and a packet that opens a connection
// in them is parked meanwhile: by who gets them. A service that ends and is up again
// within 20 ms would take the buckets back under way. What is parked then is dropped,
// as another node is to answer it, and the client asks again a second later: longer
// than all else that a restart costs it. So a change is left to come to its end.
type comeback struct {
	span time.Duration
	at   map[string]time.Time // by rule: when it may come back
}

func newComeback(span time.Duration) *comeback {
	return &comeback{span: span, at: make(map[string]time.Time)}
}

// withdrawn says that a rule that was served here is not any more.
func (c *comeback) withdrawn(now time.Time, rule string) { c.at[rule] = now.Add(c.span) }

// may says whether a rule may be served here again.
func (c *comeback) may(now time.Time, rule string) bool {
	at, held := c.at[rule]
	if held && now.Before(at) {
		return false
	}
	delete(c.at, rule)
	return true
}

// forget lets everything come back: the node serves nothing, or is another process.
func (c *comeback) forget() { clear(c.at) }

// due is when the next rule may come back that may not yet; zero for never.
func (c *comeback) due(now time.Time) time.Time {
	var first time.Time
	for _, at := range c.at {
		if now.Before(at) {
			first = sooner(first, at)
		}
	}
	return first
}

// sooner is the earlier of two times; zero stands for never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
