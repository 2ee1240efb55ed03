package farm

import (
	"slices"
	"strings"
	"testing"
)

// TestViewThatChangedOverARestart: what a process that is replaced did not live to tell,
// the next one tells, and nothing twice.
func TestViewThatChangedOverARestart(t *testing.T) {
	t.Parallel()
	old, now := viewOf([]uint8{100}, []uint8{100}, []uint8{100}), viewOf([]uint8{100}, []uint8{100})
	for _, tc := range []struct {
		what string
		told handed
		want []string // the nodes that events tell of
	}{
		{"a node was lost meanwhile", handed{View: old.ID, resumed: true}, []string{strings.Join(now.Names(), " ")}},
		{"nothing has changed", handed{View: now.ID, resumed: true}, nil},
	} {
		l := answering(t, now, webRule)
		l.events, l.roster = quietEvents(), newRoster("web1", 0)
		l.resume(&tc.told)
		l.tellView(len(old.Nodes))
		l.tellView(len(old.Nodes))
		var got []string
		for _, e := range l.events.ring.Since(0) {
			if e.Kind == "view" {
				got = append(got, e.Fields["nodes"])
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: told of %q, want %q", tc.what, got, tc.want)
		}
	}
}
