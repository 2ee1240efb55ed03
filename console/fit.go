package console

import (
	"fmt"
	"strings"
)

// section is a part of a text: lines that always stay, and a list below them that
// may be cut short.
type section struct {
	head []string
	list []string
}

// layout writes the sections in at most rows lines; without limit if rows is not
// positive. The empty lines between them go first when there is too much, for
// what they part is worth more.
func layout(sections []section, rows int) string {
	gaps := rows <= 0 || height(sections)+len(sections)-1 <= rows
	if !gaps {
		shorten(sections, rows)
	}
	var lines []string
	for i, s := range sections {
		if i > 0 && gaps {
			lines = append(lines, "")
		}
		lines = append(lines, s.head...)
		lines = append(lines, s.list...)
	}
	if rows > 0 && len(lines) > rows {
		lines = lines[:rows]
	}
	return strings.Join(lines, "\n") + "\n"
}

// shorten cuts the longest lists, line by line, until all fits in rows or no list
// can become shorter. What is cut is counted in a line of its own.
func shorten(sections []section, rows int) {
	cut := make([]int, len(sections))
	for height(sections) > rows {
		longest := -1
		for i, s := range sections {
			if len(s.list) > 2 && (longest < 0 || len(s.list) > len(sections[longest].list)) {
				longest = i
			}
		}
		if longest < 0 {
			return
		}
		s := &sections[longest]
		if cut[longest] == 0 {
			// The counting line takes the place of one that is cut.
			cut[longest] = 1
		}
		cut[longest]++
		s.list = s.list[: len(s.list)-1 : len(s.list)-1]
		s.list[len(s.list)-1] = fmt.Sprintf("... and %d more", cut[longest])
	}
}

// height is how many lines the sections have without gaps.
func height(sections []section) int {
	lines := 0
	for _, s := range sections {
		lines += len(s.head) + len(s.list)
	}
	return lines
}
