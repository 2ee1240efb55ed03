package bench

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"thresher/internal/leftout"
	"thresher/perf/engine"
	"thresher/perf/lab"
	"thresher/perf/report"
)

// smoke is a short run of a few engines.
func smoke(t *testing.T, scenarios []string, engines ...string) *report.Report {
	t.Helper()
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	r, err := Run(t.Context(), Options{
		Binary: binary, Version: "test", Scenarios: scenarios, Engines: engines,
		Runs: 1, Time: 50 * time.Millisecond, Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	if failures := r.Failures(); len(failures) > 0 {
		t.Fatal(failures)
	}
	if len(r.Scenarios) != len(scenarios) {
		t.Fatalf("%d scenarios, want %v", len(r.Scenarios), scenarios)
	}
	return r
}

// median is a figure of a report; the test fails without it.
func median(t *testing.T, r *report.Report, scenario, engine, metric string) float64 {
	t.Helper()
	for _, s := range r.Scenarios {
		for _, row := range s.Rows {
			if summary, ok := row.Summaries[metric]; ok && s.Name == scenario && row.Engine == engine {
				return summary.Median
			}
		}
	}
	t.Fatalf("%s has no %s of %s", scenario, metric, engine)
	return 0
}

// TestTraffic measures for so short a time that only what no machine is too
// busy for can be asked of the figures.
func TestTraffic(t *testing.T) {
	r := smoke(t, []string{"reject", "accept"}, generatorAlone, engine.XDPDrop, engine.XDPPass, engine.Full, engine.None)
	for _, name := range []string{engine.XDPDrop, engine.Full, engine.None} {
		if v := median(t, r, "reject", name, mpps); v < 0.02 || v > 100 {
			t.Errorf("%s rejects %v Mpps", name, v)
		}
		if v := median(t, r, "reject", name, lost); v > 90 {
			t.Errorf("%s lost %v %% of the frames", name, v)
		}
	}
	bare, alone := median(t, r, "reject", engine.XDPDrop, nanos), median(t, r, "reject", generatorAlone, nanos)
	if got := median(t, r, "reject", engine.XDPDrop, verdict); got != bare-alone {
		t.Errorf("%v ns less the generator's %v ns are not %v ns", bare, alone, got)
	}
	if v := median(t, r, "reject", engine.XDPDrop, overBare); v != 0 {
		t.Errorf("XDP_DROP takes %v ns more than itself", v)
	}
	for _, name := range []string{engine.XDPPass, engine.Full, engine.None} {
		if v := median(t, r, "accept", name, mpps); v < 0.005 || v > 100 {
			t.Errorf("%s lets in %v Mpps", name, v)
		}
	}
}

// TestModes hands on what is another node's, and lets in what is this one's.
func TestModes(t *testing.T) {
	r := smoke(t, []string{"modes", "director"},
		engine.Full, engine.FullDirected, engine.XDPDrop, engine.XDPTX, engine.Bridge, engine.NoneDirected)
	if v := median(t, r, "modes", engine.FullDirected, mpps); v < 0.005 || v > 100 {
		t.Errorf("mode directed lets in %v Mpps", v)
	}
	for _, name := range []string{engine.XDPTX, engine.Bridge, engine.FullDirected, engine.NoneDirected} {
		if v := median(t, r, "director", name, mpps); v < 0.005 || v > 100 {
			t.Errorf("%s hands on %v Mpps", name, v)
		}
	}
	if v := median(t, r, "director", engine.FullDirected, lost); v > 10 {
		t.Errorf("a director loses %v %% of the frames", v)
	}
	if v := median(t, r, "director", engine.Bridge, ofBridge); v != 1 {
		t.Errorf("the bridge is %v times as fast as itself", v)
	}
}

func TestPrograms(t *testing.T) {
	r := smoke(t, []string{"verdict", "pipeline"}, engine.XDPDrop, engine.Full, pipelineAlone)
	for _, name := range []string{engine.XDPDrop, engine.Full} {
		if v := median(t, r, "verdict", name, nanos); v < 1 || v > 10_000 {
			t.Errorf("%s takes %v ns a packet", name, v)
		}
	}
	if v := median(t, r, "pipeline", pipelineAlone, allocs); v != 0 {
		t.Errorf("%v allocations a batch", v)
	}
}

func TestServices(t *testing.T) {
	r := smoke(t, []string{"latency", "bulk"}, engine.XDPPass, engine.Full)
	for _, row := range r.Scenarios[0].Rows {
		_, measured := row.Summaries["p99"]
		if apart := row.Case == placements()[1].label; !measured && (!apart || row.Unavailable == "") {
			t.Errorf("%s, %s: no latency", row.Engine, row.Case)
		}
	}
	for _, name := range []string{engine.XDPPass, engine.Full} {
		p50, p999 := median(t, r, "latency", name, "p50"), median(t, r, "latency", name, "p999")
		if p50 < 1 || p999 < p50 {
			t.Errorf("%s: p50 %v µs, p99.9 %v µs", name, p50, p999)
		}
		if up, down := median(t, r, "bulk", name, "upload"), median(t, r, "bulk", name, "download"); up < 0.001 || down < 0.001 {
			t.Errorf("%s: upload %v, download %v Gb/s", name, up, down)
		}
	}
}

// TestEndsWithItsContext leaves nothing behind: goroutines are counted by
// TestMain, and the lab's own tests count the rest.
func TestEndsWithItsContext(t *testing.T) {
	if err := lab.Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Run(ctx, Options{
		Binary: binary, Runs: MaxRuns, Time: 20 * time.Second, Progress: io.Discard,
		Scenarios: []string{"reject"}, Engines: []string{generatorAlone, engine.XDPDrop},
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

func TestCheck(t *testing.T) {
	good := Options{Runs: 1, Time: time.Second, Scenarios: []string{"reject"}, Engines: []string{"pipeline"}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Options){
		`there is no scenario "all"`: func(o *Options) { o.Scenarios = []string{"all"} },
		`there is no engine "ipvs"`:  func(o *Options) { o.Engines = []string{"ipvs"} },
		`0 runs: choose 1 to 100`:    func(o *Options) { o.Runs = 0 },
		`a time of 1h0m0s`:           func(o *Options) { o.Time = time.Hour },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); err == nil || !slices.Contains([]string{want}, err.Error()[:len(want)]) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
