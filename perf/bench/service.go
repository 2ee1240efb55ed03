package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"thresher/perf/engine"
	"thresher/perf/report"
)

// serviceTrial is an engine in front of a server on the node.
type serviceTrial struct {
	bed  *engine.Testbed
	time time.Duration
	ask  func(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error)
}

// service is a server and what a client does with it.
type service struct {
	// serve starts the server on the node under test.
	serve func(bed *engine.Testbed) error
	// ask measures for the time d from the testbed's client.
	ask func(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error)
}

func (s service) start(ctx context.Context, o Options, e engine.Engine) (trial, error) {
	bed, err := e.Start(ctx, engine.Setup{Share: engine.Share{Mine: 1, Of: 1}})
	if err != nil {
		return nil, err
	}
	t := &serviceTrial{bed, o.Time, s.ask}
	if err := s.serve(bed); err != nil {
		return nil, errors.Join(err, t.close())
	}
	if err := t.await(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the service does not answer through the VIP: %w", err), t.close())
	}
	return t, nil
}

// await asks for a moment until there is an answer: a node that comes up takes
// nothing at first. It also fills the neighbour tables.
func (t *serviceTrial) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		_, err := t.ask(ctx, t.bed, 50*time.Millisecond)
		if err == nil {
			return nil
		}
		var u *engine.Unavailable
		if errors.As(err, &u) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (t *serviceTrial) measure(ctx context.Context) (sample, error) { return t.ask(ctx, t.bed, t.time) }

func (t *serviceTrial) close() error { return t.bed.Close() }

// group is the engines that a service is asked through.
func (s service) group(o Options, label string) group {
	g := group{label: label}
	for _, e := range pick(o, engine.Kernel, engine.XDPPass, engine.XDPPassVMAC, engine.Full, engine.Reject, engine.None) {
		g.rows = append(g.rows, row{e.Name, e.Title, func(ctx context.Context) (trial, error) {
			return s.start(ctx, o, e)
		}})
	}
	return g
}

// onlyGroup is a scenario's only group.
func (s service) onlyGroup(o Options) []group { return []group{s.group(o, "")} }

// through says what all services have in common.
const through = " The client and the server are in namespaces of one machine, with whole frames on the veths (no checksum or " +
	"segmentation offloads) for every engine alike. Without an XDP program the kernel keeps shortcuts that native XDP on veth " +
	"ends, whoever wrote it: that row is shown beside, the yardstick is bare XDP_PASS."

func latencyScenario() scenario {
	var metrics []report.Metric
	for _, m := range []struct{ name, title string }{{"p50", "p50"}, {"p99", "p99"}, {"p999", "p99.9"}} {
		metrics = append(metrics, report.Metric{Name: m.name, Title: m.title, Unit: "µs", Better: report.Less, Base: engine.XDPPassVMAC})
	}
	return scenario{
		name: "latency", title: "microseconds from request to answer through the VIP",
		method: "One client sends a UDP datagram of 64 bytes and waits for its echo, again and again, from the same CPU as the " +
			"server and from another, which takes waking the one and the other each time." + through,
		metrics: metrics,
		groups: func(o Options) (groups []group) {
			for _, p := range placements() {
				groups = append(groups, service{p.serveEcho, p.askEcho}.group(o, p.label))
			}
			return groups
		},
	}
}

func httpScenario() scenario {
	s := service{serveNginx, askWrk}
	return scenario{
		name: "http", title: "requests a second to nginx through the VIP",
		method: "wrk with 16 connections that stay open, one thread, nginx with one process." + through,
		metrics: []report.Metric{
			{Name: "requests", Title: "requests", Unit: "1/s", Better: report.More, Base: engine.XDPPassVMAC},
			{Name: "p99", Title: "p99", Unit: "ms", Better: report.Less, Base: engine.XDPPassVMAC},
		},
		groups: s.onlyGroup, maxRuns: httpRuns,
	}
}

func bulkScenario() scenario {
	s := service{serveBulk, askBulk}
	return scenario{
		name: "bulk", title: "gigabits a second of one TCP connection through the VIP",
		method: "Upload is to the node, so through its XDP program; download is from it, so only the acknowledgements are." + through,
		metrics: []report.Metric{
			{Name: "upload", Title: "upload", Unit: "Gb/s", Better: report.More, Base: engine.XDPPassVMAC},
			{Name: "download", Title: "download", Unit: "Gb/s", Better: report.More, Base: engine.XDPPassVMAC},
		},
		groups: s.onlyGroup,
	}
}
