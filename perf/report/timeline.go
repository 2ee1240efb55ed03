package report

import (
	"fmt"
	"strings"
)

// Timeline is how many requests were begun, and served, in each slot of time around
// an event at 0.
type Timeline struct {
	// FromMS is when the first slot begins, SlotMS how long each is, in ms.
	FromMS float64 `json:"from_ms"`
	SlotMS float64 `json:"slot_ms"`
	// Begun and Served are by slot. Served counts requests by when they were begun.
	Begun  []int `json:"begun"`
	Served []int `json:"served"`
}

// A strip is a timeline's plot: one line of an engine, all of one scenario on one
// axis of time. Lengths are those of a chart.
const (
	stripHeight = 34
	stripGap    = 8
)

// Strips is the plot of the timelines of one case.
type Strips struct {
	Case          string
	Width, Height int
	Axis          int
	Event         float64 // x of the event
	Ticks         []Tick
	Lines         []Strip
}

// Strip is one engine's.
type Strip struct {
	Label      string
	Ours       bool
	Y, Bottom  int
	Served     string // an SVG path: the part of the requests that was served
	Missed     string // and the part that was not
	LabelPlace int
}

// strips are the plots of a scenario's timelines, by case.
func strips(s Scenario) []Strips {
	var all []Strips
	for i := range s.Rows {
		row := &s.Rows[i]
		if row.Timeline == nil || len(row.Timeline.Begun) == 0 {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Case != row.Case {
			all = append(all, newStrips(row.Case, row.Timeline))
		}
		all[len(all)-1].add(row)
	}
	return all
}

func newStrips(label string, t *Timeline) Strips {
	p := Strips{Case: label, Width: chartWidth, Axis: stripGap, Height: stripGap + axisHeight, Event: t.x(0)}
	end := t.FromMS + t.SlotMS*float64(len(t.Begun))
	for at := t.FromMS; at <= end; at += 1000 {
		p.Ticks = append(p.Ticks, Tick{X: t.x(at), Text: fmt.Sprintf("%g s", at/1000)})
	}
	return p
}

// x is where a time stands, in ms from the event.
func (t *Timeline) x(at float64) float64 {
	const width = chartWidth - labelWidth - 20
	return labelWidth + (at-t.FromMS)/(t.SlotMS*float64(len(t.Begun)))*width
}

// add lays a row's line out below those that are there.
func (p *Strips) add(row *Row) {
	t := row.Timeline
	line := Strip{Label: row.Title, Ours: row.ours(), Y: p.Axis, Bottom: p.Axis + stripHeight, LabelPlace: p.Axis + stripHeight/2}
	most := 1
	for _, n := range t.Begun {
		most = max(most, n)
	}
	line.Served = t.area(t.Served, nil, most, line.Bottom)
	missed := make([]int, len(t.Begun))
	for i, n := range t.Begun {
		missed[i] = n - t.Served[i]
	}
	line.Missed = t.area(missed, t.Served, most, line.Bottom)
	p.Lines = append(p.Lines, line)
	p.Axis += stripHeight + stripGap
	p.Height = p.Axis + axisHeight
}

// area is the path of bars of these heights, each upon the one of below.
func (t *Timeline) area(heights, below []int, most, bottom int) string {
	var b strings.Builder
	for i, n := range heights {
		if n <= 0 {
			continue
		}
		base := 0
		if below != nil {
			base = below[i]
		}
		left, right := t.x(t.FromMS+t.SlotMS*float64(i)), t.x(t.FromMS+t.SlotMS*float64(i+1))
		low := float64(bottom) - stripHeight*float64(base)/float64(most)
		high := float64(bottom) - stripHeight*float64(base+n)/float64(most)
		fmt.Fprintf(&b, "M%.1f %.1fV%.1fH%.1fV%.1fZ", left, low, high, right, low)
	}
	return b.String()
}
