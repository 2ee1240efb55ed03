package metrics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"thresher/internal/golden"
)

// The reference in docs/ has every metric that is shown.
func TestReferenceIsCurrent(t *testing.T) {
	const path = "../../docs/metrics.md"
	got := reference(scrape(t) + scrapeOf(t, behind{}))
	golden.Compare(t, path, got)
}

// reference makes a table of what was scraped, in the text format of Prometheus.
func reference(scraped string) string {
	rows := make(map[string]string)
	for _, help := range regexp.MustCompile(`(?m)^# HELP (\S+) (.*)$`).FindAllStringSubmatch(scraped, -1) {
		name := regexp.QuoteMeta(help[1])
		kind := regexp.MustCompile(`(?m)^# TYPE ` + name + ` (\S+)$`).FindStringSubmatch(scraped)
		sample := regexp.MustCompile(`(?m)^` + name + `\{(.*)\}`).FindStringSubmatch(scraped)
		labels := ""
		if sample != nil {
			var names []string
			for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(sample[1], -1) {
				names = append(names, "`"+label[1]+"`")
			}
			labels = strings.Join(names, ", ")
		}
		rows[help[1]] = fmt.Sprintf("| `%s` | %s | %s | %s |\n", help[1], kind[1], labels, help[2])
	}
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"Every metric of `GET /metrics`, by name. This page is made of the program's own descriptions (`just reference`). How Prometheus\n" +
		"gets them, alerts and a dashboard are in [console.md](console.md#metrics). A node behind another balancer (`vips: []`) has only\n" +
		"those that its part has. No metric has a label by client.\n\n" +
		"| metric | type | labels | |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		b.WriteString(rows[name])
	}
	return b.String()
}
