package report

import (
	"math"
	"slices"
)

// Summary is what the samples of one engine say about one metric.
type Summary struct {
	Median float64 `json:"median"`
	// Min and Max are the spread.
	Min float64 `json:"min"`
	Max float64 `json:"max"`
	// Ratio is the median of the ratios of each sample to the base's of the same
	// round, in the same case; nil without a base that was measured to the end. What
	// slows the machine for longer than a round is in both of a pair, so that this
	// varies less than the quotient of the two medians (docs/measuring.md).
	Ratio *float64 `json:"ratio,omitempty"`
	// RatioMin and RatioMax are the spread of these ratios.
	RatioMin *float64 `json:"ratio_min,omitempty"`
	RatioMax *float64 `json:"ratio_max,omitempty"`
}

// Median is the middle value, or the mean of the two middle ones; NaN of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Percentile is the smallest value that at least the part p of all values, 0 to
// 1, do not exceed (nearest rank); NaN of none. sorted must be.
func Percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank-1, 0), len(sorted)-1)]
}

// Summarize fills in the summaries of all rows.
func (s *Scenario) Summarize() {
	for i := range s.Rows {
		row := &s.Rows[i]
		for _, m := range s.Metrics {
			if len(row.Samples[m.Name]) == 0 {
				continue
			}
			if row.Summaries == nil {
				row.Summaries = make(map[string]Summary)
			}
			row.Summaries[m.Name] = summarize(row.Samples[m.Name], s.base(row, m))
		}
	}
}

// base returns the samples that the row's are compared with.
func (s *Scenario) base(row *Row, m Metric) []float64 {
	if m.Base == "" {
		return nil
	}
	for i := range s.Rows {
		if other := &s.Rows[i]; other.Engine == m.Base && other.Case == row.Case && other.Failed == "" {
			return other.Samples[m.Name]
		}
	}
	return nil
}

func summarize(samples, base []float64) Summary {
	s := Summary{Median: Median(samples), Min: slices.Min(samples), Max: slices.Max(samples)}
	var pairs []float64
	for i := range min(len(samples), len(base)) {
		if base[i] != 0 {
			pairs = append(pairs, samples[i]/base[i])
		}
	}
	if len(pairs) > 0 {
		ratio, least, most := Median(pairs), slices.Min(pairs), slices.Max(pairs)
		s.Ratio, s.RatioMin, s.RatioMax = &ratio, &least, &most
	}
	return s
}

// none is the summary of no samples.
func none() Summary { return Summary{Median: math.NaN(), Min: math.NaN(), Max: math.NaN()} }
