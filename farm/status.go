package farm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/farm/confirmation"
	"thresher/farm/division"
	"thresher/pipeline"
)

// statusPatience is how long a request waits for a busy loop.
const statusPatience = 5 * time.Second

// control is what the API may ask of the loop. Its methods may be called from
// any goroutine.
type control struct{ loop *local }

var _ console.Farm = control{}

// look has f look at the loop's state, on its goroutine, if that comes to it.
func (c control) look(f func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), statusPatience)
	defer cancel()
	err := c.loop.do(ctx, f)
	if errors.Is(err, context.DeadlineExceeded) {
		return console.DoesNotAnswer(c.loop.cfg.Node)
	}
	return err
}

// Status reports the node and its farm as they stand.
func (c control) Status() (s console.Status) {
	switch err := c.look(func() { s = c.loop.front.status() }); {
	case errors.Is(err, errEnded):
		return console.Status{Node: c.loop.cfg.Node, State: console.Stopped, Reason: err.Error()}
	case err != nil:
		return console.Status{Node: c.loop.cfg.Node, State: console.Busy, Reason: err.Error()}
	}
	return s
}

// Where tells which nodes serve a client.
func (c control) Where(client netip.Addr, port uint16, rule string) (w []console.Where, err error) {
	if unasked := c.look(func() { w, err = c.loop.front.where(client, port, rule) }); unasked != nil {
		return w, unasked
	}
	return w, err
}

func (l *loop) status() console.Status {
	shown := l.confirmation.Look()
	s := console.Status{
		Node:     l.cfg.Node,
		State:    l.life.state,
		Reason:   l.life.reason,
		Fenced:   l.fence.why,
		View:     console.ViewID(l.division.View.ID),
		Settled:  shown.Settled.Settled && shown.Sticky.Empty(),
		Datapath: l.datapathStatus(),
		Wire:     l.watchdog.texts(),
		Machine:  unfitTexts(l.unfit),
		Checks:   []console.Check{},

		ConfigDigest: digestText(l.digest),
		Services:     []console.Service{},

		Neighbours: l.responder.counts(),
		Cluster:    l.clusterStatus(),
	}
	leases := leasesOf(shown.Status, l.confirmation.Params().Lease)
	s.Cluster.DetectionMS = l.detection(leases, len(l.division.View.Nodes)).Milliseconds()
	s.Cluster.LeasesMS = differing(leases)
	s.Lease, s.Fingerprint = l.leaseStatus(shown), l.api.fingerprint()
	s.Cluster.ForeignHeartbeats = l.strangers.texts()
	l.addNodes(&s, shown)
	l.addVIPs(&s)
	l.healthStatus(&s)
	return s
}

// clusterStatus is what every node knows of how the nodes hear one another.
func (l *local) clusterStatus() *console.Cluster {
	return &console.Cluster{
		HealthScore:     l.cluster.HealthScore(),
		RefusedMessages: l.cluster.RefusedMessages(),
		Messages:        console.Messages(l.cluster.MessageCounts()),
		GossipBlocked:   l.roster.blocked(),
		KeyChange:       len(l.loaded.Cluster.Keys.Accepted()) > 1,
		NetworksCut:     l.networks.texts(),
		JoinList:        l.joinList(time.Now()),
	}
}

// addNodes fills in the nodes with their shares, and this node's part of the
// rules: the buckets that new flows may enter here now.
func (l *loop) addNodes(s *console.Status, shown *confirmation.Picture) {
	flows, err := l.connections.lately(time.Now())
	if err != nil {
		l.log.Warn("this machine's connections cannot be counted", "err", err)
	}
	shares := l.servedShares()
	for i, rule := range l.cfg.Rules {
		r := console.Rule{Name: rule.Name, Buckets: pipeline.Buckets, Protocol: rule.Protocol.String(), Affinity: rule.Affinity.String()}
		for _, ports := range rule.Ports {
			r.Ports = append(r.Ports, ports.String())
		}
		if bits := shown.Lease.Confirmed.Of(l.confirmation.RuleID(i)); bits != nil && shown.Lease.Deadline > 0 {
			r.Mine = bits.Len()
		}
		if bits := shown.Unsettled.Of(l.confirmation.RuleID(i)); bits != nil {
			r.Unsettled = bits.Len()
		}
		if bits := shown.Sticky.Of(l.confirmation.RuleID(i)); bits != nil {
			r.Sticky = bits.Len()
		}
		if i < len(flows) {
			r.Flows = flows[i]
		}
		if rule.Mode != config.ModeShared {
			r.Mode = rule.Mode.String()
		}
		r.Weight, r.Withdrawn = int(l.weights.of(i)), l.weights.withdrawn(i)
		s.Rules = append(s.Rules, r)
	}
	for _, name := range l.roster.names() {
		s.Nodes = append(s.Nodes, l.roster.shown(name, withZeros(shares[name], l.cfg.Rules)))
	}
}

// digestText is a digest as it is shown; "" for none.
func digestText(digest uint64) string {
	if digest == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", digest)
}

// sharesOf returns what part of each rule each node of the view has. The roster need
// not know these nodes yet: heartbeats are heard before gossip.
func sharesOf(d division.Division, rules []config.Rule) map[string]map[string]float64 {
	all := make(map[string]map[string]float64)
	for _, node := range d.View.Nodes {
		all[node.Name] = make(map[string]float64)
	}
	for i, rule := range rules {
		for n, count := range d.Counts(i) {
			all[d.View.Nodes[n].Name][rule.Name] = float64(count) / pipeline.Buckets
		}
	}
	return all
}

// servedShares is what part of each rule each node of the view lets new flows into.
func (l *loop) servedShares() map[string]map[string]float64 {
	shares := sharesOf(l.division, l.cfg.Rules)
	maps.DeleteFunc(shares, func(node string, _ map[string]float64) bool { return !l.lets(node) })
	return shares
}

// withZeros says 0 for the rules that a node has no part of; one outside the view has
// no part of any.
func withZeros(shares map[string]float64, rules []config.Rule) map[string]float64 {
	if shares == nil {
		shares = make(map[string]float64)
	}
	for _, r := range rules {
		shares[r.Name] += 0
	}
	return shares
}

func (l *loop) addVIPs(s *console.Status) {
	for _, vip := range l.cfg.VIPs {
		s.VIPs = append(s.VIPs, console.VIP{
			Address: vip.Address, MAC: l.bindings.macOf(vip), Mode: vip.Mode.String(),
			Responder: l.bindings.responders[vip.Address],
			Conflict:  l.conflicts.of(vip.Address, time.Now()),
		})
	}
}

func (l *loop) datapathStatus() console.Datapath {
	d := console.Datapath{
		Offload:  l.cfg.Datapath.Offload.String(),
		XDP:      l.datapath.mode.String(),
		XDPNote:  withHandOn(l.datapath.note, l.datapath.program.HandsOnByQueue()),
		ZeroCopy: l.datapath.copiesNothing(),
		Queues:   len(l.datapath.queues),
	}
	counts, asked, err := l.datapath.counts()
	if err == nil {
		d.Opened, err = l.datapath.program.Opened()
	}
	if err != nil {
		l.log.Warn("the packet counters can't be read in full", "err", err)
	}
	d.Asked, d.HandOnLost = asked, l.datapath.handOnLost()
	d.Parked, d.Fenced = counts[pipeline.Parked], counts[pipeline.Fenced]
	d.Reasons = make(map[string]uint64, len(counts))
	for i, n := range counts {
		reason := pipeline.Reason(i)
		switch reason.Verdict() {
		case pipeline.Untouched:
			continue
		case pipeline.Accept:
			d.Accepted += n
		case pipeline.Drop:
			d.Rejected += n
		}
		d.Reasons[reason.String()] = n
	}
	s := l.datapath.stats()
	d.XSK = console.XSK{
		RxDropped:            s.RxDropped,
		RxInvalidDescs:       s.RxInvalidDescs,
		TxInvalidDescs:       s.TxInvalidDescs,
		RxRingFull:           s.RxRingFull,
		RxFillRingEmptyDescs: s.RxFillRingEmptyDescs,
		TxRingEmptyDescs:     s.TxRingEmptyDescs,
	}
	return d
}
