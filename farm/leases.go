package farm

import (
	"maps"
	"slices"
	"time"

	"thresher/cluster/confirm"
	"thresher/console"
	"thresher/farm/clock"
	"thresher/farm/confirmation"
)

// leaseStatus is how far new flows may be let in; nil while they may not.
func (l *loop) leaseStatus(shown *confirmation.Picture) *console.Lease {
	remaining := shown.Lease.Deadline.Sub(clock.Now())
	if shown.Lease.Deadline == 0 || remaining <= 0 {
		return nil
	}
	return &console.Lease{
		RemainingMS: remaining.Milliseconds(),
		ConfirmedMS: max(0, l.confirmation.Params().Lease-remaining).Milliseconds(),
	}
}

// leasesOf are the leases of this node and of those that it hears, by name: each tells
// its own in its heartbeats.
func leasesOf(s confirm.Status, own time.Duration) map[string]time.Duration {
	leases := map[string]time.Duration{s.Name: own}
	for _, p := range s.Peers {
		// A lease is many heartbeats of who runs it, whatever the timings here are.
		if p.Heard >= 0 && p.Heard < p.Lease {
			leases[p.Name] = p.Lease
		}
	}
	return leases
}

// differing are the leases in milliseconds; nil if they are all the same.
func differing(leases map[string]time.Duration) map[string]int64 {
	list := slices.Collect(maps.Values(leases))
	if slices.Min(list) == slices.Max(list) {
		return nil
	}
	ms := make(map[string]int64, len(leases))
	for name, lease := range leases {
		ms[name] = lease.Milliseconds()
	}
	return ms
}

// detection is how long the clients of one of n nodes may wait after its loss: any of
// them may be lost, and the longest lease be the one that the others wait for.
func (p *parts) detection(leases map[string]time.Duration, n int) time.Duration {
	if n < 2 {
		return 0
	}
	params := confirmation.ParamsFor(p.cfg, n)
	params.Lease = slices.Max(slices.Collect(maps.Values(leases)))
	_, worst := params.Takeover()
	return worst
}
