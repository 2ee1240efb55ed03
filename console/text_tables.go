package console

import (
	"slices"
	"strconv"
	"strings"
)

// appendList adds a table whose first row is its heading, unless that is all.
func appendList(sections []section, rows [][]string) []section {
	if len(rows) == 1 {
		return sections
	}
	lines := table(rows)
	return append(sections, section{head: lines[:1], list: lines[1:]})
}

// nodeRows has a row per node and a column per rule, as many rules as fit.
func nodeRows(s Status) [][]string {
	rows := [][]string{{"NODE", "STATE", "ADDRESS"}}
	for _, n := range s.Nodes {
		address := ""
		if n.Address.IsValid() {
			address = n.Address.String()
		}
		rows = append(rows, []string{n.Name, string(n.State), orDash(address)})
	}
	for i, rule := range s.Rules {
		column := []string{rule.Name}
		for _, n := range s.Nodes {
			share, ok := n.Shares[rule.Name]
			cell := "-"
			if ok {
				cell = percent(share)
			}
			column = append(column, cell)
		}
		wider := appendColumn(rows, column)
		if i > 0 && tableWidth(wider) > textWidth {
			break
		}
		rows = wider
	}
	return rows
}

// appendColumn returns rows with a cell more each.
func appendColumn(rows [][]string, column []string) [][]string {
	wider := make([][]string, len(rows))
	for i, row := range rows {
		wider[i] = append(slices.Clone(row), column[i])
	}
	return wider
}

// tableWidth is how wide the rows' table would be if nothing limited it.
func tableWidth(rows [][]string) int {
	total := -columnGap
	for column := range rows[0] {
		widest := 0
		for _, row := range rows {
			widest = max(widest, width(clip(row[column], cellWidth)))
		}
		total += widest + columnGap
	}
	return total
}

func ruleRows(rules []Rule) [][]string {
	rows := [][]string{{"RULE", "BUCKETS", "MINE", "SHARE", "UNSETTLED", "WEIGHT"}}
	for _, r := range rules {
		share := "-"
		if r.Buckets > 0 {
			share = percent(float64(r.Mine) / float64(r.Buckets))
		}
		rows = append(rows, []string{
			r.Name, strconv.Itoa(r.Buckets), strconv.Itoa(r.Mine), share, strconv.Itoa(r.Unsettled), weightCell(r),
		})
	}
	return rows
}

// weightCell is a rule's weight, or why it has none.
func weightCell(r Rule) string {
	switch {
	case r.Mode == "block":
		return "blocked"
	case len(r.Withdrawn) > 0:
		return "withdrawn: " + strings.Join(r.Withdrawn, ", ")
	case r.Mode != "":
		return strconv.Itoa(r.Weight) + ", " + r.Mode
	}
	return strconv.Itoa(r.Weight)
}

func vipRows(vips []VIP) [][]string {
	rows := [][]string{{"VIP", "MAC", "MODE", "RESPONDER"}}
	for _, v := range vips {
		rows = append(rows, []string{v.Address.String(), v.MAC, v.Mode, orDash(v.Responder)})
	}
	return rows
}

func checkRows(checks []Check) [][]string {
	rows := [][]string{{"CHECK", "STATE", "DETAIL"}}
	for _, c := range checks {
		detail := c.Detail
		if c.Warning != "" {
			detail = "warning: " + c.Warning
		}
		rows = append(rows, []string{c.Name, c.State, orDash(detail)})
	}
	return rows
}

func serviceRows(services []Service) [][]string {
	rows := [][]string{{"SERVICE", "STATE", "RESTARTS", "LAST FAILURE"}}
	for _, s := range services {
		rows = append(rows, []string{s.Name, s.State, strconv.Itoa(s.Restarts), orDash(s.Detail)})
	}
	return rows
}
