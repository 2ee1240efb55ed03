package report

import (
	"math"
	"strconv"
)

// A chart shows one metric of a scenario: for each row a bar to the median, a
// line from the smallest to the largest sample, and the samples as dots. All
// lengths are in the units of its viewBox, which are pixels at full width.
const (
	chartWidth  = 960
	labelWidth  = 230 // left of the axis
	valueWidth  = 150 // right of the longest bar
	barHeight   = 18
	rowHeight   = 26
	caseHeight  = 30 // the line that names a case
	axisHeight  = 26
	plotWidth   = chartWidth - labelWidth - valueWidth
	ticksWanted = 5
)

// Chart is a metric's plot, all positions computed.
type Chart struct {
	Metric        Metric
	Width, Height int
	Axis          int // y of the axis line
	Ticks         []Tick
	Cases         []Caption
	Bars          []Bar
}

// Tick is a line of the grid.
type Tick struct {
	X    float64
	Text string
}

// Caption names the bars below it.
type Caption struct {
	Y    int
	Text string
}

// Bar is one row's.
type Bar struct {
	Label        string
	Ours, Base   bool
	Y, Middle    int
	Width        float64
	Low, High    float64   // x of the spread
	Dots         []float64 // x of the samples
	TextX        float64
	Value, Ratio string
}

// charts are the plots of the metrics that are not brief.
func charts(s Scenario) []Chart {
	var all []Chart
	for _, m := range s.Metrics {
		if m.Brief {
			continue
		}
		if c, ok := chart(s, m); ok {
			all = append(all, c)
		}
	}
	return all
}

// chart lays one metric out; false if nobody has a value.
func chart(s Scenario, m Metric) (Chart, bool) {
	top := 0.0
	for i := range s.Rows {
		top = max(top, s.Rows[i].Summaries[m.Name].Max)
	}
	if top <= 0 {
		return Chart{}, false
	}
	step := tickStep(top)
	top = math.Ceil(top/step) * step
	scale := plotWidth / top
	c := Chart{Metric: m, Width: chartWidth}
	y, label := 4, ""
	for i := range s.Rows {
		row := &s.Rows[i]
		summary, ok := row.Summaries[m.Name]
		if !ok {
			continue
		}
		if row.Case != label {
			label = row.Case
			c.Cases = append(c.Cases, Caption{Y: y + caseHeight - 9, Text: label})
			y += caseHeight
		}
		c.Bars = append(c.Bars, bar(row, m, summary, y, scale))
		y += rowHeight
	}
	c.Axis, c.Height = y+2, y+axisHeight
	for n := 0; float64(n)*step <= top*1.0001; n++ {
		c.Ticks = append(c.Ticks, Tick{X: labelWidth + float64(n)*step*scale, Text: strconv.FormatFloat(float64(n)*step, 'f', decimals(step), 64)})
	}
	return c, true
}

func bar(row *Row, m Metric, s Summary, y int, scale float64) Bar {
	b := Bar{
		Label: row.Title, Ours: row.ours(), Base: row.Engine == m.Base,
		Y: y + (rowHeight-barHeight)/2, Middle: y + rowHeight/2,
		Width: s.Median * scale, Low: labelWidth + s.Min*scale, High: labelWidth + s.Max*scale,
		Value: number(s.Median), Ratio: ratio(s.Ratio),
	}
	b.TextX = b.High + 10
	for _, v := range row.Samples[m.Name] {
		b.Dots = append(b.Dots, labelWidth+v*scale)
	}
	return b
}

// decimals is how many places behind the point multiples of step need.
func decimals(step float64) int { return max(0, int(-math.Floor(math.Log10(step)))) }

// tickStep is the distance of the grid's lines: 1, 2 or 5 times a power of ten.
func tickStep(top float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(top/ticksWanted)))
	for _, times := range []float64{1, 2, 5} {
		if top/(step*times) <= ticksWanted {
			return step * times
		}
	}
	return step * 10
}
