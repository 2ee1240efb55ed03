package console

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// textWidth is the width that all text keeps to: the classic terminal's.
	textWidth = 80
	// cellWidth is the widest a cell gets: an IPv6 address in full.
	cellWidth = 39
	// columnGap parts two columns.
	columnGap = 2
)

// table lays rows out in columns as wide as their widest cell, all of them left
// aligned, no line longer than textWidth.
func table(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(clip(cell, cellWidth)))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			cell = clip(cell, cellWidth)
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+columnGap))
		}
		lines = append(lines, clip(strings.TrimRight(b.String(), " "), textWidth))
	}
	return lines
}

// joinFitting joins words with two spaces as long as the line does not pass
// textWidth, and leaves the rest out.
func joinFitting(words ...string) string {
	line := ""
	for i, word := range words {
		if i > 0 {
			word = "  " + word
		}
		if i > 0 && width(line)+width(word) > textWidth {
			break
		}
		line += word
	}
	return clip(line, textWidth)
}

// width counts a text's characters.
func width(text string) int { return utf8.RuneCountInString(text) }

// clip makes text printable and at most limit characters long; the mark of what
// was cut is one of them. Names come over the network, and must not reach a
// terminal with control characters in them.
func clip(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
	if width(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "~"
}

// grouped writes a count with a comma between thousands.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// percent writes a part of 1.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }

// orDash writes a dash in place of nothing, so that a column stays readable.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// count writes a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// wrapped breaks a text into lines of at most textWidth, the second and later ones
// indented.
func wrapped(text string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && width(line)+1+width(word) > textWidth {
			lines = append(lines, clip(line, textWidth))
			line = " "
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, clip(line, textWidth))
}
