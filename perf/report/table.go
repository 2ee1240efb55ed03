package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	m := r.Machine
	_, err := fmt.Fprintf(w, "%s\nLinux %s, %d × %s, load %s; %d runs of %s s each\n",
		r.Version, m.Kernel, m.CPUs, m.CPU, number(m.Load), r.Runs, number(r.RunSeconds))
	for i := range r.Scenarios {
		if err == nil {
			err = r.Scenarios[i].writeTable(w)
		}
	}
	return err
}

func (s *Scenario) writeTable(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n%s: %s\n", s.Name, s.Title); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.Join(s.heads(), "\t"))
	for i := range s.Rows {
		fmt.Fprintln(t, "  "+strings.Join(s.cells(&s.Rows[i]), "\t"))
	}
	return t.Flush()
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
