package report

import (
	"math"
	"time"
)

// Report is everything that one run of the harness has measured. Its JSON form
// is a contract: fields are added, never renamed.
type Report struct {
	// Version is the program's.
	Version string `json:"version"`
	// Machine is where it ran.
	Machine Machine `json:"machine"`
	// Started is when it began, and Seconds how long it took.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Runs is how often each engine was measured, and RunSeconds for how long
	// each time.
	Runs       int     `json:"runs"`
	RunSeconds float64 `json:"run_seconds"`
	// Scenarios are in the order in which they ran.
	Scenarios []Scenario `json:"scenarios"`
}

// Machine is what the figures depend on beside the program.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	// Load is the load average over a minute when it began: above 0.5 or so,
	// others were using the machine.
	Load float64 `json:"load"`
}

// Scenario is one question, asked of several engines in alternation.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Method says how it was measured, in a few sentences.
	Method  string   `json:"method"`
	Metrics []Metric `json:"metrics"`
	Rows    []Row    `json:"rows"`
}

// Better is the direction in which a metric is good.
type Better string

// The directions.
const (
	More Better = "more"
	Less Better = "less"
	// Neither is a metric that only says what happened.
	Neither Better = "neither"
)

// Metric is one of the figures of a scenario.
type Metric struct {
	// Name is the key in Samples and Summaries.
	Name string `json:"name"`
	// Title and Unit are for readers.
	Title string `json:"title"`
	Unit  string `json:"unit"`
	// Better says what is good.
	Better Better `json:"better"`
	// Base is the engine that the others are compared with; "" for none.
	Base string `json:"base,omitempty"`
	// Brief metrics are shown by their median alone.
	Brief bool `json:"brief,omitempty"`
}

// Row is one engine in one case of a scenario.
type Row struct {
	// Engine is its name, Title its description.
	Engine string `json:"engine"`
	Title  string `json:"title"`
	// Case tells rows with the same engine apart, such as "N = 3"; "" where
	// there is but one case.
	Case string `json:"case,omitempty"`
	// Unavailable says why there are no samples, through nobody's fault.
	Unavailable string `json:"unavailable,omitempty"`
	// Failed says what went wrong, if something did.
	Failed string `json:"failed,omitempty"`
	// Samples are the measured values by metric, in the order of measuring: the
	// i-th samples of all engines were taken in one round.
	Samples map[string][]float64 `json:"samples,omitempty"`
	// Timeline shows what happened around an event, in the last run; nil where
	// there was none.
	Timeline *Timeline `json:"timeline,omitempty"`
	// Summaries are computed from Samples by Summarize.
	Summaries map[string]Summary `json:"summaries,omitempty"`
}

// Add appends a sample. What is no number, or infinite, is left out.
func (r *Row) Add(metric string, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	if r.Samples == nil {
		r.Samples = make(map[string][]float64)
	}
	r.Samples[metric] = append(r.Samples[metric], value)
}

// Failures lists what went wrong, by scenario and engine.
func (r *Report) Failures() []string {
	var all []string
	for _, s := range r.Scenarios {
		for _, row := range s.Rows {
			if row.Failed != "" {
				all = append(all, s.Name+", "+row.label()+": "+row.Failed)
			}
		}
	}
	return all
}

// label names the row within its scenario.
func (r *Row) label() string {
	if r.Case == "" {
		return r.Engine
	}
	return r.Engine + ", " + r.Case
}
