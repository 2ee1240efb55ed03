// Package metrics shows a node's status to Prometheus: in base units, and with
// labels of which there are few, so never by client.
package metrics

import (
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"thresher/console"
)

// Source is where the figures come from.
type Source interface {
	Status() console.Status
}

// maxScrapes is how many scrapes are answered at a time; each asks the daemon.
const maxScrapes = 2

// Handler answers scrapes with the figures of a node and of its events. It has a
// registry of its own.
func Handler(s Source, log *console.Log) http.Handler {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(
		newCollector(s, log, buildVersion()),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// newCollector collects the figures of a node at the time of each scrape.
func newCollector(s Source, log *console.Log, version string) prometheus.Collector {
	return &collector{source: s, log: log, version: version}
}

type collector struct {
	source  Source
	log     *console.Log
	version string
}

// Describe says what there can be.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range all() {
		out <- d
	}
}

// Collect asks the node.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Status()
	if s.State == console.Busy { // the scrape fails: whatever was said else would be made up
		out <- prometheus.NewInvalidMetric(nodeState, console.DoesNotAnswer(s.Node))
		return
	}
	send := sender{out}
	send.gauge(build, 1, c.version)
	send.node(s)
	send.rules(s)
	if !s.BehindBalancer {
		send.datapath(s.Datapath)
	}
	send.health(s)
	for _, n := range c.log.Counts() {
		send.counter(eventsTotal, float64(n.Count), n.Kind, n.Level)
	}
}
