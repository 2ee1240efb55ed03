package confirmation

import (
	"slices"

	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// acquaintances are the peers that may be letting flows in, as far as this node has
// heard, by name.
type acquaintances map[string]acquaintance

// acquaintance is a peer: since when it is heard, after it was not, or states the view
// that it does, and whether that is so short a time that packets may be parked here from
// before. By a view that it has just stated it may have let flows in that were parked
// here since another had let go, and let go of them again by the time that it is heard.
type acquaintance struct {
	since  confirm.Time
	stated confirm.ViewID
	fresh  bool
}

// update takes in who is heard now, and with which view. It says whether somebody is
// fresh who was not, or the other way round.
func (a acquaintances) update(now confirm.Time, said []confirm.PeerViews) (news bool) {
	for _, p := range said {
		one, known := a[p.Name]
		if !known || p.Stated != one.stated {
			one.since = now
		}
		fresh := now.Sub(one.since) <= pipeline.LotAge
		news = news || !known || fresh != one.fresh
		a[p.Name] = acquaintance{one.since, p.Stated, fresh}
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
