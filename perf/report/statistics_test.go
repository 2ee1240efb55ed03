package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{5}, 5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 100}, 3.5},
		{[]float64{-1, -3}, -2},
	} {
		if got := Median(tt.values); got != tt.want {
			t.Errorf("Median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	values := []float64{3, 1, 2}
	Median(values)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Errorf("Median changed its argument: %s", diff)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, tt := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 0.999, 100}, {hundred, 0, 1}, {hundred, 1, 100},
		{[]float64{7}, 0.5, 7}, {[]float64{1, 2}, 0.5, 1}, {[]float64{1, 2}, 0.51, 2},
	} {
		if got := Percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("the %v of %d values is %v, want %v", tt.p, len(tt.values), got, tt.want)
		}
	}
	if !math.IsNaN(Percentile(nil, 0.5)) {
		t.Error("a percentile of nothing is a number")
	}
}

func TestSummarize(t *testing.T) {
	p := func(v float64) *float64 { return &v }
	for _, tt := range []struct {
		name          string
		samples, base []float64
		want          Summary
	}{
		{"no base", []float64{2, 1, 3}, nil, Summary{Median: 2, Min: 1, Max: 3}},
		{"pairs", []float64{2, 4, 9}, []float64{4, 4, 3}, Summary{Median: 4, Min: 2, Max: 9, Ratio: p(1), RatioMin: p(0.5), RatioMax: p(3)}},
		{"a slow round", []float64{9, 18, 2}, []float64{10, 20, 2.5}, Summary{Median: 9, Min: 2, Max: 18, Ratio: p(0.9), RatioMin: p(0.8), RatioMax: p(0.9)}},
		{"drift", []float64{1, 2, 4}, []float64{2, 4, 2}, Summary{Median: 2, Min: 1, Max: 4, Ratio: p(0.5), RatioMin: p(0.5), RatioMax: p(2)}},
		{"a failed pair", []float64{2, 4}, []float64{4, 0, 4}, Summary{Median: 3, Min: 2, Max: 4, Ratio: p(0.5), RatioMin: p(0.5), RatioMax: p(0.5)}},
		{"base 0", []float64{2}, []float64{0}, Summary{Median: 2, Min: 2, Max: 2}},
	} {
		if diff := cmp.Diff(tt.want, summarize(tt.samples, tt.base)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestBaseIsOfTheCase compares a row with the base in its own case only.
func TestBaseIsOfTheCase(t *testing.T) {
	s := Scenario{
		Metrics: []Metric{{Name: "m", Base: "base"}},
		Rows: []Row{
			{Engine: "base", Case: "a", Samples: map[string][]float64{"m": {10}}},
			{Engine: "other", Case: "b", Samples: map[string][]float64{"m": {30}}},
			{Engine: "base", Case: "b", Samples: map[string][]float64{"m": {20}}},
			{Engine: "other", Case: "c", Samples: map[string][]float64{"m": {5}}},
			{Engine: "base", Case: "d", Samples: map[string][]float64{"m": {20}}, Failed: "broken"},
			{Engine: "other", Case: "d", Samples: map[string][]float64{"m": {5, 6}}},
		},
	}
	s.Summarize()
	if r := s.Rows[1].Summaries["m"].Ratio; r == nil || *r != 1.5 {
		t.Errorf("ratio %v, want 1.5", r)
	}
	for i, without := range map[int]string{3: "a base", 5: "all of the base's samples"} {
		if r := s.Rows[i].Summaries["m"].Ratio; r != nil {
			t.Errorf("ratio %v without %s", *r, without)
		}
	}
}

func TestAddKeepsNumbersOnly(t *testing.T) {
	var r Row
	for _, v := range []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), 2} {
		r.Add("m", v)
	}
	if diff := cmp.Diff([]float64{1, 2}, r.Samples["m"]); diff != "" {
		t.Error(diff)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.12345: "0.123", 1.2345: "1.23", 12.345: "12.3", 123.45: "123", 65432.1: "65432", -0.5: "−0.500",
		math.NaN(): "–", math.Inf(1): "–",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestTickStep(t *testing.T) {
	for top, want := range map[float64]float64{3.1: 1, 10: 2, 11: 5, 0.04: 0.01, 65000: 20000, 1: 0.2} {
		if got := tickStep(top); math.Abs(got-want) > want*1e-9 {
			t.Errorf("tickStep(%v) = %v, want %v", top, got, want)
		}
	}
}
