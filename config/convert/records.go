package convert

import (
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// record is what Windows' tools print of one thing: values by keys in lower case
// without spaces.
type record struct {
	line   int
	values map[string]string
}

// get returns the first value that there is.
func (r record) get(keys ...string) string {
	for _, k := range keys {
		if v := r.values[k]; v != "" {
			return v
		}
	}
	return ""
}

// plainText is the file as UTF-8: PowerShell's > writes UTF-16.
func plainText(data []byte) string {
	if len(data) < 2 || data[0] != 0xff || data[1] != 0xfe {
		return strings.TrimPrefix(strings.ToValidUTF8(string(data), "?"), "\ufeff")
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i])|uint16(data[i+1])<<8)
	}
	return string(utf16.Decode(units))
}

var (
	pairLine  = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9 /()]*?)\s*[:=]\s?(.*)$`)
	dashLine  = regexp.MustCompile(`^\s*-{2,}(\s+-{2,})+\s*$`)
	dashGroup = regexp.MustCompile(`-{2,}`)
	words     = regexp.MustCompile(`\S+`)
)

// records reads what Format-List, Format-Table and nlb.exe print: lines of key and
// value, and tables under a line of dashes. An empty line ends both.
func records(text string) []record {
	var list []record
	var columns []column
	open, previous := false, ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r\t ")
		pair := pairLine.FindStringSubmatch(line)
		switch {
		case line == "":
			open, columns = false, nil
		case dashLine.MatchString(line):
			open, columns = false, headers(previous, line)
		case columns != nil:
			list = append(list, row(i+1, columns, line))
		case pair != nil:
			if !open {
				list, open = append(list, record{i + 1, map[string]string{}}), true
			}
			list[len(list)-1].values[normal(pair[1])] = strings.TrimSpace(pair[2])
		}
		previous = line
	}
	return list
}

func normal(key string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == '(' || r == ')' {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// column is a table's column: its key, and where its dashes are.
type column struct {
	key        string
	first, end int
}

// headers reads a table's keys above its dashes.
func headers(above, dashes string) []column {
	var columns []column
	for _, span := range dashGroup.FindAllStringIndex(dashes, -1) {
		columns = append(columns, column{first: span[0], end: span[1]})
	}
	for _, w := range words.FindAllStringIndex(above, -1) {
		c := &columns[nearestColumn(columns, w)]
		c.key += normal(above[w[0]:w[1]])
	}
	return columns
}

// row gives each word of a line to the column that it stands under. Cells may be
// empty, wider than the column's name, and of several words; but where two cells
// would stand under one column, the table has lost its alignment, and counts.
func row(line int, columns []column, text string) record {
	r := record{line, map[string]string{}}
	spans := words.FindAllStringIndex(text, -1)
	at := make([]int, len(spans))
	crooked := false
	for i, w := range spans {
		at[i] = nearestColumn(columns, w)
		crooked = crooked || i > 0 && at[i] == at[i-1] && w[0]-spans[i-1][1] > 1
	}
	for i, w := range spans {
		if crooked && len(spans) == len(columns) {
			at[i] = i
		}
		key := columns[at[i]].key
		r.values[key] = strings.TrimSpace(r.values[key] + " " + text[w[0]:w[1]])
	}
	return r
}

// nearestColumn is the column that a word overlaps, or else the one whose dashes
// are nearest.
func nearestColumn(columns []column, w []int) int {
	best, least := 0, 1<<30
	for i, c := range columns {
		if distance := max(c.first-w[1]+1, w[0]-c.end+1, 0); distance < least {
			best, least = i, distance
		}
	}
	return best
}

// isText tells whether a file is worth reading as text.
func isText(data []byte) bool {
	head := data[:min(len(data), 512)]
	if len(head) >= 2 && head[0] == 0xff && head[1] == 0xfe {
		return true
	}
	return !strings.ContainsRune(string(head), 0) && (utf8.Valid(head) || len(head) == 512)
}
