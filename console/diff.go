package console

import "strings"

// maxDiffCells bounds the work of a comparison: what is between the first and the
// last difference of two texts of 2,000 lines.
const maxDiffCells = 4 << 20

// diffContext is how many lines around a difference are shown.
const diffContext = 3

// diffText shows how two texts differ, by lines: those that go with "-" before them,
// those that come with "+", and a few around them. Texts that are the same give "".
func diffText(old, next string) string {
	if old == next {
		return ""
	}
	a, b := strings.Split(strings.TrimSuffix(old, "\n"), "\n"), strings.Split(strings.TrimSuffix(next, "\n"), "\n")
	lead := 0
	for lead < len(a) && lead < len(b) && a[lead] == b[lead] {
		lead++
	}
	trail := 0
	for trail < len(a)-lead && trail < len(b)-lead && a[len(a)-1-trail] == b[len(b)-1-trail] {
		trail++
	}
	var lines []string
	for _, line := range a[:lead] {
		lines = append(lines, " "+line)
	}
	lines = append(lines, diffLines(a[lead:len(a)-trail], b[lead:len(b)-trail])...)
	for _, line := range a[len(a)-trail:] {
		lines = append(lines, " "+line)
	}
	return nearChanges(lines)
}

// diffLines compares by the longest common subsequence.
func diffLines(a, b []string) (lines []string) {
	if len(a)*len(b) > maxDiffCells {
		return append(marked("-", a), marked("+", b)...)
	}
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			lines = append(lines, " "+a[i])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "-"+a[i])
			i++
		default:
			lines = append(lines, "+"+b[j])
			j++
		}
	}
	return append(append(lines, marked("-", a[i:])...), marked("+", b[j:])...)
}

func marked(mark string, lines []string) (out []string) {
	for _, line := range lines {
		out = append(out, mark+line)
	}
	return out
}

// nearChanges leaves out what is far from any change.
func nearChanges(lines []string) string {
	near := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for j := max(0, i-diffContext); j <= min(len(lines)-1, i+diffContext); j++ {
			near[j] = true
		}
	}
	var b strings.Builder
	for i, line := range lines {
		switch {
		case near[i]:
			b.WriteString(line + "\n")
		case i > 0 && near[i-1]:
			b.WriteString(" ...\n")
		}
	}
	return b.String()
}
