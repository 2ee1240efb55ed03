package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/perf/engine"
	"thresher/perf/generator"
	"thresher/perf/report"
)

// fakeTrial notes the order of measurements and fails at one of them.
type fakeTrial struct {
	name   string
	log    *[]string
	failAt int
	runs   int
}

func (f *fakeTrial) measure(context.Context) (sample, error) {
	f.runs++
	*f.log = append(*f.log, f.name)
	if f.runs == f.failAt {
		return nil, errors.New("broken")
	}
	return sample{nanos: float64(10 * f.runs)}, nil
}

func (f *fakeTrial) close() error {
	*f.log = append(*f.log, "close "+f.name)
	return nil
}

// TestInterruptedRun keeps the scenarios that were whole.
func TestInterruptedRun(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var log []string
	scenarioOf := func(name string, start func() trial) scenario {
		return scenario{
			name: name, metrics: []report.Metric{{Name: nanos}},
			groups: func(Options) []group {
				return []group{{"", []row{{"a", "a", func(context.Context) (trial, error) { return start(), nil }}}}}
			},
		}
	}
	whole := func() trial { return &fakeTrial{name: "a", log: &log} }
	r := &report.Report{}
	err := measureAll(ctx, Options{Runs: 1, Time: time.Second, Progress: io.Discard}, r, []scenario{
		scenarioOf("first", whole), scenarioOf("second", func() trial { interrupt(); return whole() }), scenarioOf("third", whole),
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "second") {
		t.Errorf("error %v", err)
	}
	if len(r.Scenarios) != 1 || r.Scenarios[0].Name != "first" {
		t.Errorf("kept: %+v", r.Scenarios)
	}
}

// TestAlternation measures A B C, C B A, goes on when one fails, and closes all.
func TestAlternation(t *testing.T) {
	var log []string
	fake := func(name string, failAt int) row {
		return row{name, name, func(context.Context) (trial, error) {
			return &fakeTrial{name: name, log: &log, failAt: failAt}, nil
		}}
	}
	missing := func(err error) row {
		return row{"c", "c", func(context.Context) (trial, error) { return nil, err }}
	}
	s := scenario{
		name: "s", metrics: []report.Metric{{Name: nanos}},
		groups: func(Options) []group {
			return []group{
				{"one", []row{fake("a", 0), fake("b", 2), missing(fmt.Errorf("no: %w", &engine.Unavailable{Reason: "not here"}))}},
				{"two", []row{fake("a", 0), missing(errors.New("broken"))}},
			}
		},
	}
	got := s.run(t.Context(), Options{Runs: 3, Time: time.Second, Progress: io.Discard})
	want := []report.Row{
		{Engine: "a", Title: "a", Case: "one", Samples: map[string][]float64{nanos: {10, 20, 30}}},
		{Engine: "b", Title: "b", Case: "one", Samples: map[string][]float64{nanos: {10}}, Failed: "broken"},
		{Engine: "c", Title: "c", Case: "one", Unavailable: "not here"},
		{Engine: "a", Title: "a", Case: "two", Samples: map[string][]float64{nanos: {10, 20, 30}}},
		{Engine: "c", Title: "c", Case: "two", Failed: "broken"},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
	order := strings.Fields("a b b a a close-a close-b a a a close-a")
	for i := range order {
		order[i] = strings.ReplaceAll(order[i], "-", " ")
	}
	if diff := cmp.Diff(order, log); diff != "" {
		t.Error(diff)
	}
}

// TestAgainst compares as far as there are pairs.
func TestAgainst(t *testing.T) {
	rows := []report.Row{
		{Engine: generatorAlone, Samples: map[string][]float64{"ns": {100, 110}}},
		{Engine: "fast", Samples: map[string][]float64{"ns": {150, 160, 170}}},
	}
	less(rows, "ns", generatorAlone, "net")
	less(rows, "ns", "absent", "never")
	parts(rows, "ns", generatorAlone, "part")
	want := map[string][]float64{"ns": {150, 160, 170}, "net": {50, 50}, "part": {1.5, 160. / 110}}
	if diff := cmp.Diff(want, rows[1].Samples); diff != "" {
		t.Error(diff)
	}
	if len(rows[0].Samples["net"]) != 0 {
		t.Error("the generator is taken for an engine")
	}
}

func TestRates(t *testing.T) {
	sent := generator.Sent{Frames: 1000, Timed: 960, Elapsed: 960 * time.Microsecond}
	got, err := rates(sent, engine.Counts{Received: 900, Judged: 800, Delivered: 200}, judged)
	if err != nil {
		t.Fatal(err)
	}
	want := sample{mpps: 0.8, nanos: 1250, lost: 20, ours: 25, letIn: 0.2}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Error(diff)
	}
	if _, err := rates(sent, engine.Counts{Received: 900}, judged); err == nil {
		t.Error("a rate of nothing")
	}
	if _, err := rates(generator.Sent{}, engine.Counts{Judged: 1}, judged); err == nil {
		t.Error("a rate without frames")
	}
}

const wrkOutput = `Running 1s test @ http://198.18.0.100/
  1 threads and 16 connections
  Latency Distribution
     50%  220.00us
     99%    1.84ms
  64569 requests in 1.00s, 9.97MB read
Requests/sec:  64569.25
Transfer/sec:      9.97MB
`

func TestReadWrk(t *testing.T) {
	got, err := readWrk([]byte(wrkOutput))
	if diff := cmp.Diff(sample{"requests": 64569.25, "p99": 1.84}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for unit, want := range map[string]float64{"1.84us": 0.00184, "1.84s": 1840} {
		got, err := readWrk([]byte(strings.Replace(wrkOutput, "1.84ms", unit, 1)))
		if err != nil || got["p99"] != want {
			t.Errorf("%s is %v ms: %v", unit, got["p99"], err)
		}
	}
	for _, bad := range []string{"", wrkOutput + "  Socket errors: connect 1", wrkOutput + "  Non-2xx or 3xx responses: 2"} {
		if _, err := readWrk([]byte(bad)); err == nil {
			t.Errorf("figures out of %q", bad)
		}
	}
}

func TestCPUName(t *testing.T) {
	if got := cpuName([]byte("processor\t: 0\nmodel name\t: AMD EPYC\n"), "?"); got != "AMD EPYC" {
		t.Errorf("CPU %q", got)
	}
	if got := cpuName([]byte("processor\t: 0\n"), "?"); got != "?" {
		t.Errorf("CPU %q", got)
	}
}

// TestNames keeps the command line's words apart and described.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range Scenarios() {
		if seen[n] || Describe(n) == "" {
			t.Errorf("scenario %q is there twice or without a title", n)
		}
		seen[n] = true
	}
	if Describe("nothing") != "" {
		t.Error("a scenario that does not exist has a title")
	}
	for _, s := range scenarios() {
		for _, g := range s.groups(Options{Time: time.Second}) {
			for _, r := range g.rows {
				if err := (Options{Runs: 1, Time: 1, Engines: []string{r.name}}).Check(); err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
			}
		}
	}
}
