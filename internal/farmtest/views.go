package farmtest

import (
	"encoding/json"
	"strings"

	"thresher/console"
	"thresher/perf/lab"
)

// Views counts, by node, how often its daemon has said that clients are served by
// another view.
func (f *Farm) Views(nodes ...*lab.Node) map[string]int {
	f.T.Helper()
	counts := make(map[string]int)
	for _, n := range nodes {
		counts[n.Name] = 0
		for line := range strings.Lines(f.Thresher(n, "events", "--json")) {
			var e console.Event
			f.Must(json.Unmarshal([]byte(line), &e))
			if e.Kind == "view" {
				counts[n.Name]++
			}
		}
	}
	return counts
}

// ViewsSince is how many views each of the nodes has seen since.
func (f *Farm) ViewsSince(before map[string]int) map[string]int {
	f.T.Helper()
	since := make(map[string]int)
	for _, n := range f.Nodes {
		if count, ok := before[n.Name]; ok {
			since[n.Name] = f.Views(n)[n.Name] - count
		}
	}
	return since
}
