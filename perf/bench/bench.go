package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"thresher/perf/engine"
	"thresher/perf/lab"
	"thresher/perf/report"
)

// Limits of Options.
const (
	// MaxRuns is how often each engine may be measured.
	MaxRuns = 100
	// MaxTime is how long one measurement may take.
	MaxTime = time.Minute
)

// Options say what to measure.
type Options struct {
	// Binary is the program that runs as the daemon.
	Binary string
	// Version is the program's, for the report.
	Version string
	// Scenarios and Engines are the names of those wanted; none means all.
	Scenarios, Engines []string
	// Runs is how often each engine is measured, 1 to MaxRuns.
	Runs int
	// Time is about how long one measurement takes, up to MaxTime.
	Time time.Duration
	// Progress is told what is going on, line by line.
	Progress io.Writer
}

// Scenarios lists the names of all scenarios.
func Scenarios() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// Names of rows that are no engines.
const (
	// generatorAlone is the traffic generator without a receiver.
	generatorAlone = "generator"
	// pipelineAlone is the pipeline's Go code without packets' ways.
	pipelineAlone = "pipeline"
)

// Engines lists the names that Options.Engines may have.
func Engines() []string {
	names := []string{generatorAlone}
	for _, e := range engine.All("") {
		names = append(names, e.Name)
	}
	names = append(names, pipelineAlone)
	for _, c := range contestants(Options{}) {
		names = append(names, c.name)
	}
	return names
}

// Describe returns a scenario's title by its name.
func Describe(name string) string {
	for _, s := range scenarios() {
		if s.name == name {
			return s.title
		}
	}
	return ""
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	for _, s := range o.Scenarios {
		if !slices.Contains(Scenarios(), s) {
			return fmt.Errorf("there is no scenario %q: choose from %v", s, Scenarios())
		}
	}
	for _, e := range o.Engines {
		if !slices.Contains(Engines(), e) {
			return fmt.Errorf("there is no engine %q: choose from %v", e, Engines())
		}
	}
	if o.Runs < 1 || o.Runs > MaxRuns {
		return fmt.Errorf("%d runs: choose 1 to %d", o.Runs, MaxRuns)
	}
	if o.Time <= 0 || o.Time > MaxTime {
		return fmt.Errorf("a time of %v: choose up to %v", o.Time, MaxTime)
	}
	return nil
}

// Run measures. Everything that it sets up is gone when it returns, also when
// ctx ends early. An engine that fails is noted in the report and does not end
// the rest.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := lab.Available(); err != nil {
		return nil, err
	}
	r := &report.Report{
		Version: o.Version, Machine: machine(), Started: time.Now(), Runs: o.Runs, RunSeconds: o.Time.Seconds(),
	}
	err := measureAll(ctx, o, r, scenarios())
	r.Seconds = time.Since(r.Started).Seconds()
	return r, err
}

// measureAll adds the scenarios that are wanted to the report, those that are whole when ctx
// is done.
func measureAll(ctx context.Context, o Options, r *report.Report, all []scenario) error {
	for _, s := range all {
		if len(o.Scenarios) > 0 && !slices.Contains(o.Scenarios, s.name) {
			continue
		}
		measured := s.run(ctx, o)
		if ctx.Err() != nil {
			return fmt.Errorf("bench: ended in %s: %w", s.name, context.Cause(ctx))
		}
		if len(measured.Rows) == 0 {
			continue // none of the engines wanted has to do with it
		}
		measured.Summarize()
		r.Scenarios = append(r.Scenarios, measured)
	}
	return nil
}
