package metrics

import (
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"thresher/console"
)

type sender struct{ out chan<- prometheus.Metric }

func (s sender) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sender) counter(d *prometheus.Desc, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (s sender) truth(d *prometheus.Desc, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	s.gauge(d, n, labels...)
}

// states are all that a node can be in.
func states() []console.NodeState {
	return []console.NodeState{console.Stopped, console.Starting, console.Waiting, console.Up, console.Draining, console.Unreachable}
}

func (s sender) node(st console.Status) {
	count := make(map[console.NodeState]int)
	for _, n := range st.Nodes {
		count[n.State]++
		for rule, part := range n.Shares {
			s.gauge(share, part, n.Name, rule)
		}
	}
	for _, state := range states() {
		s.gauge(farmNodes, float64(count[state]), string(state))
		if state != console.Unreachable {
			s.truth(nodeState, st.State == state, string(state))
		}
	}
	s.gauge(farmInfo, 1, farmName(st))
	s.truth(failed, st.Failed)
	s.gauge(differing, float64(len(st.Differing())))
	if st.BehindBalancer {
		s.truth(withdrawn, len(st.Withdrawn) > 0)
		return
	}
	s.truth(settled, st.Settled)
	s.gauge(viewInfo, 1, st.View.String())
	switch l := st.Lease; {
	case l == nil && st.State == console.Up: // the lease is over, and nothing new is let in
		s.gauge(leaseLeft, 0)
	case l != nil:
		s.gauge(leaseLeft, float64(l.RemainingMS)/1000)
		s.gauge(confirmed, float64(l.ConfirmedMS)/1000)
	}
}

// farmName tells farms apart that one Prometheus asks. It is an address that an operator
// knows, and the same on all nodes of a farm, which must have their VIPs alike.
func farmName(st console.Status) string {
	if len(st.VIPs) == 0 {
		return ""
	}
	first := slices.MinFunc(st.VIPs, func(a, b console.VIP) int { return a.Address.Compare(b.Address) })
	return first.Address.String()
}

func (s sender) rules(st console.Status) {
	for _, r := range st.Rules {
		s.gauge(buckets, float64(r.Buckets), r.Name)
		s.gauge(bucketsMine, float64(r.Mine), r.Name)
		s.gauge(unsettled, float64(r.Unsettled), r.Name)
		s.gauge(sticky, float64(r.Sticky), r.Name)
		s.gauge(connections, float64(r.Flows), r.Name)
	}
	for _, v := range st.VIPs {
		s.truth(responder, v.Responder == st.Node, v.Address.String(), v.Mode)
		s.truth(conflict, v.Conflict != nil, v.Address.String())
	}
	s.gauge(wireBlind, float64(len(st.Wire)))
}

func (s sender) datapath(d console.Datapath) {
	s.gauge(pathInfo, 1, d.Offload, d.XDP, strconv.FormatBool(d.ZeroCopy))
	s.gauge(queues, float64(d.Queues))
	for reason, n := range d.Reasons {
		s.counter(packets, float64(n), reason)
	}
	for _, c := range []struct {
		desc *prometheus.Desc
		n    uint64
	}{
		{accepted, d.Accepted}, {rejected, d.Rejected}, {asked, d.Asked}, {opened, d.Opened}, {handOnLost, d.HandOnLost},
		{rxDropped, d.XSK.RxDropped}, {rxInvalid, d.XSK.RxInvalidDescs}, {txInvalid, d.XSK.TxInvalidDescs},
		{rxRingFull, d.XSK.RxRingFull}, {rxFillEmpty, d.XSK.RxFillRingEmptyDescs}, {txRingEmpty, d.XSK.TxRingEmptyDescs},
	} {
		s.counter(c.desc, float64(c.n))
	}
}

func (s sender) health(st console.Status) {
	for _, c := range st.Checks {
		s.truth(checkUp, c.State == "up", c.Name)
	}
	for _, v := range st.Services {
		s.truth(serviceUp, v.State == "up", v.Name)
		s.gauge(serviceRestarts, float64(v.Restarts), v.Name)
	}
	c := st.Cluster
	if c == nil {
		return
	}
	s.gauge(healthScore, float64(c.HealthScore))
	s.counter(refused, float64(c.RefusedMessages))
	s.messages(c.Messages)
	s.gauge(blocked, float64(len(c.GossipBlocked)))
	s.gauge(networksCut, float64(len(c.NetworksCut)))
	if c.DetectionMS > 0 {
		s.gauge(takeover, float64(c.DetectionMS)/1000)
	}
}

func (s sender) messages(m console.Messages) {
	for outcome, n := range map[string]uint64{
		"sent": m.Sent, "received": m.Received, "failed": m.Failed, "overflowed": m.Overflowed, "dropped": m.Dropped,
	} {
		s.counter(messages, float64(n), outcome)
	}
}
