package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"thresher/config"
	"thresher/perf/engine"
	"thresher/perf/generator"
	"thresher/perf/lab"
	"thresher/perf/report"
)

// Metrics of the scenarios with generated traffic.
const (
	mpps     = "mpps"
	nanos    = "ns"
	verdict  = "verdict_ns"
	overBare = "over_bare_ns"
	lost     = "lost"
	ours     = "ours"
	letIn    = "let_in_mpps"
)

// anyClients are 16 million addresses with all the usual ports.
func anyClients() (netip.Prefix, config.PortRange) {
	return netip.MustParsePrefix("10.0.0.0/8"), config.PortRange{First: 1024, Last: 65535}
}

// fewClients are 65,536 flows that the nodes have a route back to. A connection
// tracker, which keeps each flow that is let in, has room for them
// (nf_conntrack_max is 262,144 on larger machines).
func fewClients() (netip.Prefix, config.PortRange) {
	return lab.SYNRange(), config.PortRange{First: 2000, Last: 2001}
}

// trafficTrial is an engine under generated traffic.
type trafficTrial struct {
	bed      *engine.Testbed
	gen      *generator.Generator
	time     time.Duration
	counting func(engine.Counts) uint64 // what the rate is of
}

// traffic sets an engine up for its share of generated traffic.
func traffic(ctx context.Context, o Options, e engine.Engine, s engine.Setup, counting func(engine.Counts) uint64) (trial, error) {
	bed, err := e.Start(ctx, s)
	if err != nil {
		return nil, err
	}
	t := &trafficTrial{bed: bed, time: o.Time, counting: counting}
	if err := t.prepare(ctx, s); err != nil {
		return nil, errors.Join(fmt.Errorf("warm up %s: %w", e.Name, err), t.close())
	}
	return t, nil
}

func (t *trafficTrial) prepare(ctx context.Context, s engine.Setup) (err error) {
	clients, ports := anyClients()
	if s.Share.Mine > 0 {
		clients, ports = fewClients()
		if err := t.bed.Discard(); err != nil {
			return err
		}
	}
	if t.gen, err = t.bed.Generator(t.bed.Traffic(clients, ports)); err != nil {
		return err
	}
	return t.bed.WarmUp(ctx, t.gen)
}

const (
	// attempts is how often a measurement is begun anew when the receiver has
	// left the generator's CPU, and tolerated the part of the frames that the
	// veth may have had no room for.
	attempts  = 3
	tolerated = 0.01
)

// measure sends frames for a while and takes the rate of those that count. A run
// that other traffic has disturbed is done again; the least disturbed one counts.
func (t *trafficTrial) measure(ctx context.Context) (best sample, err error) {
	least := 2.0
	for range attempts {
		sent, counts, err := t.run(ctx)
		if err != nil {
			return nil, err
		}
		if part := float64(counts.Overflowed) / float64(max(sent.Frames, 1)); part < least {
			least = part
			if best, err = rates(sent, counts, t.counting); err != nil {
				return nil, err
			}
		}
		if least < tolerated {
			break
		}
	}
	return best, nil
}

func (t *trafficTrial) run(ctx context.Context) (generator.Sent, engine.Counts, error) {
	before, err := t.bed.Counts(ctx)
	if err != nil {
		return generator.Sent{}, before, err
	}
	sent, err := t.bed.Run(ctx, t.gen, t.time)
	if err != nil {
		return sent, before, err
	}
	after, err := t.bed.Settle(ctx)
	return sent, after.Sub(before), err
}

// rates are the values of one measurement. The frames that count are those of
// the whole run, and the time is that of nearly all of it.
func rates(sent generator.Sent, c engine.Counts, counting func(engine.Counts) uint64) (sample, error) {
	counted := counting(c)
	if sent.Frames == 0 || sent.Timed == 0 || counted == 0 {
		return nil, fmt.Errorf("of %d frames %d reached the node, %d were judged and %d let in: nothing to measure",
			sent.Frames, c.Received, c.Judged, c.Delivered)
	}
	rate := sent.Rate() * float64(counted) / float64(sent.Frames)
	return sample{
		mpps:  rate / 1e6,
		nanos: 1e9 / rate,
		lost:  100 * max(0, 1-float64(counted)/float64(sent.Frames)),
		ours:  100 * float64(c.Delivered) / float64(max(c.Judged, 1)),
		letIn: sent.Rate() * float64(c.Delivered) / float64(sent.Frames) / 1e6,
	}, nil
}

func (t *trafficTrial) close() error {
	var errs []error
	if t.gen != nil {
		errs = append(errs, t.gen.Close())
	}
	return errors.Join(append(errs, t.bed.Close())...)
}

// generatorTrial is the generator whose frames go nowhere.
type generatorTrial struct {
	lab  *lab.Lab
	gen  *generator.Generator
	time time.Duration
}

func startGenerator(ctx context.Context, o Options) (trial, error) {
	l, err := lab.New(ctx, lab.Config{Nodes: 1})
	if err != nil {
		return nil, err
	}
	clients, ports := anyClients()
	gen, err := generator.New(generator.Traffic{
		Protocol:    generator.UDP,
		VIPs:        []generator.VIP{{Address: lab.VIP(), MAC: config.FloodMAC(lab.VIP())}},
		Ports:       config.PortRange{First: engine.DiscardPort, Last: engine.DiscardPort},
		Source:      l.Clients[0].MAC,
		Clients:     clients,
		ClientPorts: ports,
	}, 0)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &generatorTrial{l, gen, o.Time}, nil
}

func (t *generatorTrial) measure(ctx context.Context) (s sample, err error) {
	err = t.lab.Switch.Do(func() error {
		if err := generator.Pin(); err != nil {
			return err
		}
		sent, err := t.gen.Run(ctx, t.time)
		if err != nil {
			return err
		}
		if sent.Timed == 0 {
			return errors.New("too short to time a frame")
		}
		s = sample{mpps: sent.Rate() / 1e6, nanos: 1e9 / sent.Rate()}
		return nil
	})
	return s, err
}

func (t *generatorTrial) close() error { return errors.Join(t.gen.Close(), t.lab.Close()) }

// trafficRows are engines for the same share of the traffic.
func trafficRows(o Options, share engine.Share, counting func(engine.Counts) uint64, names ...string) []row {
	var rows []row
	for _, e := range pick(o, names...) {
		rows = append(rows, row{e.Name, e.Title, func(ctx context.Context) (trial, error) {
			return traffic(ctx, o, e, engine.Setup{Share: share}, counting)
		}})
	}
	return rows
}

func judged(c engine.Counts) uint64    { return c.Judged }
func delivered(c engine.Counts) uint64 { return c.Delivered }

// judging are the engines that give each client to one node.
func judging() []string {
	return []string{engine.Full, engine.Reject, engine.None, engine.NFTIngress, engine.NFTPrerouting, engine.XTCluster}
}

func rejectScenario() scenario {
	return scenario{
		name: "reject", title: "packets a second when none is ours",
		method: "64-byte UDP from random clients, made by the kernel on one CPU and redirected into the node's veth; " +
			"the node's receive work runs on the same CPU. Counted is what the engine judged. The generator alone drops each " +
			"frame as soon as it is made; what an engine takes beyond it is the way through the veth and the verdict, what it " +
			"takes beyond bare XDP_DROP is the verdict alone.",
		metrics: []report.Metric{
			{Name: mpps, Title: "judged", Unit: "Mpps", Better: report.More, Base: engine.XDPDrop},
			{Name: nanos, Title: "in all", Unit: "ns", Better: report.Less, Brief: true},
			{Name: verdict, Title: "less generator", Unit: "ns", Better: report.Less, Brief: true},
			{Name: overBare, Title: "less XDP_DROP", Unit: "ns", Better: report.Less, Brief: true},
			{Name: lost, Title: "lost", Unit: "%", Better: report.Less, Brief: true},
		},
		groups: func(o Options) []group {
			rows := []row{{generatorAlone, "the generator alone", func(ctx context.Context) (trial, error) {
				return startGenerator(ctx, o)
			}}}
			names := append([]string{engine.XDPDrop}, judging()...)
			return []group{{rows: append(rows, trafficRows(o, engine.Share{Mine: 0, Of: 3}, judged, names...)...)}}
		},
		derive: func(rows []report.Row) {
			less(rows, nanos, generatorAlone, verdict)
			less(rows, nanos, engine.XDPDrop, overBare)
		},
	}
}

func acceptScenario() scenario {
	return scenario{
		name: "accept", title: "packets a second when all are ours",
		method: "As reject, from 65,536 flows. Counted is what the node's IP layer delivered (Ip InDelivers); behind it " +
			"waits a UDP socket whose filter keeps nothing. The programs of XDP are attached, those of netfilter need GRO on.",
		metrics: []report.Metric{
			{Name: mpps, Title: "delivered", Unit: "Mpps", Better: report.More, Base: engine.XDPPassVMAC},
			{Name: nanos, Title: "in all", Unit: "ns", Better: report.Less, Brief: true},
			{Name: lost, Title: "lost", Unit: "%", Better: report.Less, Brief: true},
		},
		groups: func(o Options) []group {
			names := append([]string{engine.Kernel, engine.XDPPass, engine.XDPPassVMAC}, judging()...)
			return []group{{rows: trafficRows(o, engine.Share{Mine: 1, Of: 1}, delivered, names...)}}
		},
	}
}

func mixedScenario() scenario {
	return scenario{
		name: "mixed", title: "packets a second when one in N is ours",
		method: "As accept, but the node has one in N clients. Thresher's farm then has a second real node, whose weight " +
			"gives it all the other clients; only the node under test is sent the traffic. Counted is what was judged. What is lost on the way to user space at " +
			"offload reject are all packets of ours; at none, packets of all clients.",
		metrics: []report.Metric{
			{Name: mpps, Title: "judged", Unit: "Mpps", Better: report.More, Base: engine.NFTIngress},
			{Name: nanos, Title: "in all", Unit: "ns", Better: report.Less, Brief: true},
			{Name: letIn, Title: "let in", Unit: "Mpps", Better: report.More, Brief: true},
			{Name: ours, Title: "of judged", Unit: "%", Better: report.Neither, Brief: true},
			{Name: lost, Title: "lost", Unit: "%", Better: report.Less, Brief: true},
		},
		groups: func(o Options) (groups []group) {
			for _, n := range []int{2, 3, 8, 32} {
				groups = append(groups, group{
					label: fmt.Sprintf("N = %d", n),
					rows:  trafficRows(o, engine.Share{Mine: 1, Of: n}, judged, judging()...),
				})
			}
			return groups
		},
	}
}
