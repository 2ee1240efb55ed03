package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"thresher/perf/engine"
	"thresher/perf/report"
)

// scenario is one question.
type scenario struct {
	name, title, method string
	metrics             []report.Metric
	// groups are measured one after another, the rows of a group in turn.
	groups func(o Options) []group
	// derive computes further samples of a group from those that were measured.
	derive func(rows []report.Row)
	// maxRuns bounds how often each row is measured; 0 for as often as asked.
	maxRuns int
}

// scenarios lists all of them in the order in which they run.
func scenarios() []scenario {
	return []scenario{
		rejectScenario(), acceptScenario(), mixedScenario(), modesScenario(), directorScenario(),
		verdictScenario(), pipelineScenario(), rulesScenario(),
		latencyScenario(), httpScenario(), bulkScenario(),
		idleScenario(), memoryScenario(), failoverScenario(),
	}
}

// group is what is compared directly: the rows with the same case.
type group struct {
	label string
	rows  []row
}

// row is an engine, ready to be set up.
type row struct {
	name, title string
	start       func(ctx context.Context) (trial, error)
}

// trial is an engine that is set up, to be measured as often as one likes.
type trial interface {
	measure(ctx context.Context) (sample, error)
	close() error
}

// sample is one measurement: values by metric.
type sample map[string]float64

const (
	// patience is how much longer than asked for a measurement may take.
	patience = 30 * time.Second
	// startPatience is how long an engine may take to be set up.
	startPatience = time.Minute
)

// run sets up, measures and takes away one group after another.
func (s scenario) run(ctx context.Context, o Options) report.Scenario {
	result := report.Scenario{Name: s.name, Title: s.title, Method: s.method, Metrics: s.metrics}
	for _, g := range s.groups(o) {
		g.rows = slices.DeleteFunc(g.rows, func(r row) bool {
			return len(o.Engines) > 0 && !slices.Contains(o.Engines, r.name)
		})
		rows := s.runGroup(ctx, o, g)
		if s.derive != nil {
			s.derive(rows)
		}
		result.Rows = append(result.Rows, rows...)
	}
	return result
}

// runGroup measures the group's rows in alternation: there and back, A B C, C B A, so
// that no engine always follows the same one.
func (s scenario) runGroup(ctx context.Context, o Options, g group) []report.Row {
	rows := make([]report.Row, len(g.rows))
	trials := make([]trial, len(g.rows))
	for i, r := range g.rows {
		rows[i] = report.Row{Engine: r.name, Title: r.title, Case: g.label}
		trials[i] = begin(ctx, r, &rows[i])
	}
	if s.maxRuns > 0 {
		o.Runs = min(o.Runs, s.maxRuns)
	}
	for run := range o.Runs {
		s.tell(o, g, run)
		for n := range trials {
			i := n
			if run%2 == 1 {
				i = len(trials) - 1 - n
			}
			if t := trials[i]; t != nil && rows[i].Failed == "" && ctx.Err() == nil {
				measure(ctx, o, t, &rows[i])
			}
		}
	}
	for i, t := range trials {
		if t != nil {
			if watched, ok := t.(interface{ timeline() *report.Timeline }); ok {
				rows[i].Timeline = watched.timeline()
			}
			note(&rows[i], t.close())
		}
	}
	return rows
}

// begin sets an engine up, or notes why not.
func begin(ctx context.Context, r row, result *report.Row) trial {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	t, err := r.start(ctx)
	if err == nil {
		return t
	}
	var u *engine.Unavailable
	if errors.As(err, &u) {
		result.Unavailable = u.Reason
	} else {
		note(result, err)
	}
	return nil
}

func measure(ctx context.Context, o Options, t trial, result *report.Row) {
	ctx, cancel := context.WithTimeout(ctx, 10*o.Time+patience)
	defer cancel()
	values, err := t.measure(ctx)
	if err != nil {
		note(result, err)
		return
	}
	for metric, value := range values {
		result.Add(metric, value)
	}
}

// note records the first error of a row.
func note(result *report.Row, err error) {
	if err != nil && result.Failed == "" {
		result.Failed = err.Error()
	}
}

func (s scenario) tell(o Options, g group, run int) {
	label := s.name
	if g.label != "" {
		label += ", " + g.label
	}
	fmt.Fprintf(o.Progress, "%s: run %d of %d\n", label, run+1, o.Runs)
}

// pick returns the engines with these names, in this order.
func pick(o Options, names ...string) []engine.Engine {
	var picked []engine.Engine
	for _, name := range names {
		for _, e := range engine.All(o.Binary) {
			if e.Name == name {
				picked = append(picked, e)
			}
		}
	}
	return picked
}

// less subtracts the base's samples from each engine's, pair by pair: what an
// engine costs above another.
func less(rows []report.Row, metric, base, result string) {
	against(rows, metric, base, result, func(v, base float64) float64 { return v - base })
}

// parts divides each engine's samples by the base's, pair by pair.
func parts(rows []report.Row, metric, base, result string) {
	against(rows, metric, base, result, func(v, base float64) float64 { return v / base })
}

// against computes a metric out of each engine's samples and the base's, pair by
// pair. The generator is no engine.
func against(rows []report.Row, metric, base, result string, compute func(v, base float64) float64) {
	i := slices.IndexFunc(rows, func(r report.Row) bool { return r.Engine == base })
	if i < 0 {
		return
	}
	from := rows[i].Samples[metric]
	for k := range rows {
		if rows[k].Engine == generatorAlone {
			continue
		}
		for n, v := range rows[k].Samples[metric] {
			if n < len(from) {
				rows[k].Add(result, compute(v, from[n]))
			}
		}
	}
}
