package console

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// TrafficText says what came for the VIPs in the last hour, packets a second.
func TrafficText(t Traffic) string {
	n := len(t.Times)
	if n == 0 {
		return fmt.Sprintf("nothing is written down yet: a node does so every %v since its daemon started\n", trafficInterval)
	}
	since := time.Unix(0, int64(t.Times[0]*float64(time.Second))).Add(-trafficInterval)
	lines := []string{"packets a second since " + since.UTC().Format(time.RFC3339), ""}
	lines = append(lines, rateTable("", t.Rates)...)
	if len(t.Reasons) > 0 {
		lines = append(append(lines, ""), rateTable("REASON", t.Reasons)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// rateTable has a row for each rate, the highest first.
func rateTable(head string, rates map[string][]float64) []string {
	mean := func(of []float64) (sum float64) {
		for _, rate := range of {
			sum += rate / float64(len(of))
		}
		return sum
	}
	names := slices.SortedFunc(maps.Keys(rates), func(a, b string) int {
		return cmp.Or(cmp.Compare(mean(rates[b]), mean(rates[a])), cmp.Compare(a, b))
	})
	rows := [][]string{{head, "NOW", "PEAK", "MEAN"}}
	for _, name := range names {
		of := rates[name]
		if len(of) == 0 {
			continue
		}
		rows = append(rows, []string{name, rateText(of[len(of)-1]), rateText(slices.Max(of)), rateText(mean(of))})
	}
	return table(rows)
}

// rateText is a rate: whole, but for those that would be 0 then.
func rateText(rate float64) string {
	if rate > 0 && rate < 10 {
		return fmt.Sprintf("%.1f", rate)
	}
	return grouped(uint64(math.Round(rate)))
}
