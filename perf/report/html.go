package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

// WriteHTML writes the report as one page that needs nothing else: figures as
// tables and as plots, in light and dark as the reader's system has it.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"number": number, "ratio": ratio, "charts": charts, "strips": strips, "join": strings.Join,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

// Heads and Cells are the scenario's table, for the page.
func (s *Scenario) Heads() []string { return s.heads() }

// Line is a row of a table on the page.
type Line struct {
	Cells []string
	// Note takes the place of the figures.
	Note string
	// Ours marks Thresher's own engines.
	Ours bool
}

// Lines are the rows of the scenario's table.
func (s *Scenario) Lines() []Line {
	var lines []Line
	for i := range s.Rows {
		row := &s.Rows[i]
		cells, note := s.cells(row), row.note()
		if note != "" {
			cells = cells[:len(cells)-1]
		}
		lines = append(lines, Line{Cells: cells, Note: note, Ours: row.ours()})
	}
	return lines
}

// Words is how many columns of the table are words.
func (s *Scenario) Words() int { return s.words() }

// Span is how many columns a note takes.
func (s *Scenario) Span() int { return len(s.heads()) - s.words() }

// ours tells Thresher's own engines from the others, for their colour.
func (r *Row) ours() bool { return strings.HasPrefix(r.Title, "Thresher") || r.Engine == "pipeline" }
