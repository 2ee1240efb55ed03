package flows

import (
	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/pipeline"
)

// Found is where flows are, by rule number.
type Found struct {
	// Buckets are those with flows; nil for a rule without any.
	Buckets []*confirm.Bitmap
	// Flows counts the flows of each rule, without those that are over and only
	// remembered (TimeWait).
	Flows []int
	// Outside counts flows on VIPs that no rule holds for.
	Outside int
}

// Scan finds the buckets that have flows.
func (t *Table) Scan(rules *pipeline.Rules) (Found, error) {
	n := len(rules.Affinities)
	found := Found{Buckets: make([]*confirm.Bitmap, n), Flows: make([]int, n)}
	err := t.Each(func(f Flow) { found.add(rules, f) })
	return found, err
}

// add counts one flow.
func (found *Found) add(rules *pipeline.Rules, f Flow) {
	rule, ok := rules.Find(config.TCP, f.Server.Addr(), f.Server.Port())
	if !ok {
		found.Outside++
		return
	}
	if f.State != TimeWait {
		found.Flows[rule]++
	}
	if found.Buckets[rule] == nil {
		found.Buckets[rule] = confirm.NewBitmap(pipeline.Buckets)
	}
	found.Buckets[rule].Set(int(rules.Place(f.Client, rule).Bucket))
}

// Count counts the flows of each rule, by rule number, without those that are
// over and only remembered (TimeWait).
func (t *Table) Count(rules *pipeline.Rules) ([]int, error) {
	flows := make([]int, len(rules.Affinities))
	err := t.Each(func(f Flow) {
		if rule, ok := rules.Find(config.TCP, f.Server.Addr(), f.Server.Port()); ok && f.State != TimeWait {
			flows[rule]++
		}
	})
	return flows, err
}

// HalfOpen returns at most limit handshakes that are not done, of the flows that
// buckets picks, each once.
func (t *Table) HalfOpen(buckets func(Flow) bool, limit int) ([]handover.Tuple, error) {
	var open []handover.Tuple
	seen := make(map[handover.Tuple]bool)
	err := t.Each(func(f Flow) {
		tuple := handover.Tuple{Client: f.Client, Server: f.Server}
		if f.State == SynRecv && len(open) < limit && !seen[tuple] && buckets(f) {
			seen[tuple] = true
			open = append(open, tuple)
		}
	})
	return open, err
}
