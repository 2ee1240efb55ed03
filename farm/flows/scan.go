package flows

import (
	"net/netip"

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
	// remembered (TimeWait). On a rule that forwards, one that has a socket here
	// beside its entry in conntrack counts as two.
	Flows []int
	// Outside counts sockets on VIPs that no rule holds for.
	Outside int
}

// Scan finds the buckets that have flows: sockets, and conntrack's entries of
// rules that forward.
func (t *Table) Scan(rules *pipeline.Rules) (Found, error) {
	n := len(rules.Affinities)
	found := Found{Buckets: make([]*confirm.Bitmap, n), Flows: make([]int, n)}
	if err := t.Each(func(f Flow) { found.add(rules, f) }); err != nil {
		return found, err
	}
	return found, t.EachTracked(func(f Tracked) {
		if rule, ok := forwarded(rules, f); ok {
			found.put(rules, rule, f.Client, true)
		}
	})
}

// add counts one socket.
func (found *Found) add(rules *pipeline.Rules, f Flow) {
	rule, ok := rules.Find(config.TCP, f.Server.Addr(), f.Server.Port())
	if !ok {
		found.Outside++
		return
	}
	found.put(rules, rule, f.Client, f.State != TimeWait)
}

// put notes a flow; one that is over is not counted.
func (found *Found) put(rules *pipeline.Rules, rule int, client netip.AddrPort, counts bool) {
	if counts {
		found.Flows[rule]++
	}
	if found.Buckets[rule] == nil {
		found.Buckets[rule] = confirm.NewBitmap(pipeline.Buckets)
	}
	found.Buckets[rule].Set(int(rules.Place(client, rule).Bucket))
}

// forwarded finds the rule of an entry, if that is one that forwards.
func forwarded(rules *pipeline.Rules, f Tracked) (rule int, ok bool) {
	rule, ok = rules.Find(f.Protocol, f.Server.Addr(), f.Server.Port())
	return rule, ok && rules.Forward[rule]
}

// Count counts the flows of each rule, by rule number, as Scan does.
func (t *Table) Count(rules *pipeline.Rules) ([]int, error) {
	flows := make([]int, len(rules.Affinities))
	err := t.Each(func(f Flow) {
		if rule, ok := rules.Find(config.TCP, f.Server.Addr(), f.Server.Port()); ok && f.State != TimeWait {
			flows[rule]++
		}
	})
	if err != nil {
		return flows, err
	}
	return flows, t.EachTracked(func(f Tracked) {
		if rule, ok := forwarded(rules, f); ok {
			flows[rule]++
		}
	})
}

// HalfOpen returns at most limit handshakes that are not done, of the flows that
// buckets picks, each once.
func (t *Table) HalfOpen(buckets func(Flow) bool, limit int) ([]handover.Tuple, error) {
	var open []handover.Tuple
	seen := make(map[handover.Tuple]bool)
	err := t.each(t.half, func(f Flow) { // of thousands of connections few are
		tuple := handover.Tuple{Client: f.Client, Server: f.Server}
		if f.State == SynRecv && len(open) < limit && !seen[tuple] && buckets(f) {
			seen[tuple] = true
			open = append(open, tuple)
		}
	})
	return open, err
}

// HalfOpenForwarded returns what another node must leave alone of the flows on
// rules that forward and that buckets picks: at most limit, each once. They are
// the TCP handshakes that are not done and, if there is room left, the UDP flows:
// nothing in a UDP packet tells the new owner that it goes on with a flow.
func (t *Table) HalfOpenForwarded(rules *pipeline.Rules, buckets func(rule int, client netip.AddrPort) bool, limit int) ([]handover.Tuple, error) {
	var tcp, udp []handover.Tuple
	seen := make(map[handover.Tuple]bool)
	err := t.EachTracked(func(f Tracked) {
		tuple := handover.Tuple{Client: f.Client, Server: f.Server}
		list := &udp
		if f.Protocol == config.TCP {
			list = &tcp
		}
		rule, ok := forwarded(rules, f)
		half := f.Protocol == config.UDP || f.State == SynRecv
		if !ok || !half || len(*list) >= limit || seen[tuple] || !buckets(rule, f.Client) {
			return
		}
		seen[tuple] = true
		*list = append(*list, tuple)
	})
	return append(tcp, udp[:min(len(udp), limit-len(tcp))]...), err
}
