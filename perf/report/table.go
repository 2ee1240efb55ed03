package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable writes the report for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	m := r.Machine
	_, err := fmt.Fprintf(w, "%s\nLinux %s, %d × %s, load %s; up to %d runs of some %s s each\n",
		r.Version, m.Kernel, m.CPUs, m.CPU, number(m.Load), r.Runs, number(r.RunSeconds))
	for i := range r.Scenarios {
		if err == nil {
			err = r.Scenarios[i].writeTable(w)
		}
	}
	return err
}

func (s *Scenario) writeTable(w io.Writer) error {
	lines := []Line{{Cells: s.heads()}}
	lines = append(lines, s.Lines()...)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %s\n", s.Name, s.Title)
	widths := columns(lines)
	for _, l := range lines {
		b.WriteString(l.text(widths, s.words()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columns are the widths of the columns in characters.
func columns(lines []Line) []int {
	widths := make([]int, len(lines[0].Cells))
	for _, l := range lines {
		for i, cell := range l.Cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// text sets a line: the first so many columns are words, the others numbers,
// which end at the same place.
func (l Line) text(widths []int, words int) string {
	var b strings.Builder
	for i, cell := range l.Cells {
		fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i < words {
			cell, fill = cell+fill, ""
		}
		b.WriteString("  " + fill + cell)
	}
	if l.Note != "" {
		b.WriteString("  " + l.Note)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// words is how many columns are words.
func (s *Scenario) words() int {
	if s.hasCases() {
		return 2
	}
	return 1
}

// heads are the titles of the columns.
func (s *Scenario) heads() []string {
	heads := []string{"engine"}
	if s.hasCases() {
		heads = append(heads, "case")
	}
	for _, m := range s.Metrics {
		heads = append(heads, strings.TrimSpace(m.Title+" "+bracketed(m.Unit)))
		if m.Brief {
			continue
		}
		heads = append(heads, "min–max")
		if m.Base != "" {
			heads = append(heads, "of "+m.Base)
		}
	}
	return heads
}

// cells are a row's texts, under heads.
func (s *Scenario) cells(row *Row) []string {
	cells := []string{row.Engine}
	if s.hasCases() {
		cells = append(cells, row.Case)
	}
	if note := row.note(); note != "" {
		return append(cells, note)
	}
	for _, m := range s.Metrics {
		summary, ok := row.Summaries[m.Name]
		if !ok {
			summary = none()
		}
		cells = append(cells, number(summary.Median))
		if m.Brief {
			continue
		}
		cells = append(cells, spread(summary))
		if m.Base != "" {
			cells = append(cells, ratio(summary.Ratio))
		}
	}
	return cells
}

// note says why a row has no figures; "" if it has.
func (r *Row) note() string {
	switch {
	case r.Unavailable != "":
		return "not available: " + r.Unavailable
	case r.Failed != "":
		return "failed: " + r.Failed
	}
	return ""
}

func (s *Scenario) hasCases() bool {
	for _, r := range s.Rows {
		if r.Case != "" {
			return true
		}
	}
	return false
}

func bracketed(unit string) string {
	if unit == "" {
		return ""
	}
	return "[" + unit + "]"
}
