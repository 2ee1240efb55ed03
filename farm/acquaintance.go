package farm

import (
	"slices"

	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// acquaintances are the peers that may be letting flows in, as far as this node has
// heard, by name.
type acquaintances map[string]acquaintance

// acquaintance is a peer: since when it is heard, after it was not, and whether that
// is so short a time that packets may be parked here from before.
type acquaintance struct {
	since confirm.Time
	fresh bool
}

// update takes in who is heard now. It says whether somebody is fresh who was not,
// or the other way round.
func (a acquaintances) update(now confirm.Time, said []confirm.PeerViews) (news bool) {
	for _, p := range said {
		one, known := a[p.Name]
		if !known {
			one.since = now
		}
		fresh := now.Sub(one.since) <= pipeline.LotAge
		if !known || fresh != one.fresh {
			a[p.Name], news = acquaintance{one.since, fresh}, true
		}
	}
	if len(a) > len(said) {
		for name := range a {
			if !slices.ContainsFunc(said, func(p confirm.PeerViews) bool { return p.Name == name }) {
				delete(a, name)
			}
		}
	}
	return news
}
