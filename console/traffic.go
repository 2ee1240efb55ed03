package console

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"
)

// The traffic that a node remembers: an hour.
const (
	trafficInterval = 5 * time.Second
	trafficSamples  = int(time.Hour / trafficInterval)
)

// Traffic is what came for the VIPs in the last hour, as one node saw it.
type Traffic struct {
	// Interval is the time between two samples, in seconds.
	Interval float64 `json:"interval_s"`
	// Times are when the samples were taken, in seconds since 1970, oldest first.
	Times []float64 `json:"times"`
	// Rates are packets per second before each sample, by what became of them; those
	// opened are among the accepted.
	Rates map[string][]float64 `json:"rates"`
	// Reasons are the same by the reason; only those that there were.
	Reasons map[string][]float64 `json:"reasons"`
}

// traffic is the memory of it.
type traffic struct {
	mu      sync.Mutex
	samples []trafficSample // at most trafficSamples and one, oldest first
}

type trafficSample struct {
	at   time.Time
	path Datapath
}

func newTraffic() *traffic { return new(traffic) }

// sample writes the traffic down until ctx is done.
func (t *traffic) sample(ctx context.Context, f Farm) {
	tick := time.NewTicker(trafficInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if d := f.Datapath(); d.Reasons != nil {
				t.add(time.Now(), d)
			}
		}
	}
}

func (t *traffic) add(at time.Time, d Datapath) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.samples) > trafficSamples {
		t.samples = append(t.samples[:0], t.samples[1:]...)
	}
	t.samples = append(t.samples, trafficSample{at, d})
}

// report makes rates of the counters.
func (t *traffic) report() Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Traffic{Interval: trafficInterval.Seconds(), Times: []float64{}, Rates: map[string][]float64{}, Reasons: map[string][]float64{}}
	totals := map[string]func(Datapath) uint64{
		"accepted": func(d Datapath) uint64 { return d.Accepted },
		"rejected": func(d Datapath) uint64 { return d.Rejected },
		"asked":    func(d Datapath) uint64 { return d.Asked },
		"opened":   func(d Datapath) uint64 { return d.Opened },
	}
	for name := range totals {
		out.Rates[name] = []float64{}
	}
	for i := 1; i < len(t.samples); i++ {
		before, after := t.samples[i-1], t.samples[i]
		elapsed := after.at.Sub(before.at).Seconds()
		out.Times = append(out.Times, math.Round(float64(after.at.UnixMilli())/100)/10)
		for name, of := range totals {
			out.Rates[name] = append(out.Rates[name], perSecond(of(before.path), of(after.path), elapsed))
		}
		for reason, n := range after.path.Reasons {
			if n != t.samples[0].path.Reasons[reason] || out.Reasons[reason] != nil {
				pad(out.Reasons, reason, i-1)
				out.Reasons[reason] = append(out.Reasons[reason], perSecond(before.path.Reasons[reason], n, elapsed))
			}
		}
	}
	for reason := range out.Reasons {
		pad(out.Reasons, reason, len(out.Times))
	}
	return out
}

// pad gives a reason zeros for the samples before it.
func pad(reasons map[string][]float64, reason string, n int) {
	for len(reasons[reason]) < n {
		reasons[reason] = append(reasons[reason], 0)
	}
}

// perSecond is a rate with one decimal; 0 for a counter that began anew.
func perSecond(before, after uint64, elapsed float64) float64 {
	if after < before || elapsed <= 0 {
		return 0
	}
	return math.Round(float64(after-before)/elapsed*10) / 10
}

// showTraffic answers GET /v1/traffic.
func (s *Server) showTraffic(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, s.traffic.report())
	return nil
}
