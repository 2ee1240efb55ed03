package console

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrafficText(t *testing.T) {
	got := TrafficText(Traffic{
		Interval: 5, Times: []float64{1000, 1005},
		Rates:   map[string][]float64{"accepted": {1200, 1300.4}, "rejected": {3000, 2000}, "asked": {0, 0.2}},
		Reasons: map[string][]float64{"accepted": {1200, 1300.4}, "not_mine": {3000, 2000}},
	})
	want := `packets a second since 1970-01-01T00:16:35Z

          NOW    PEAK   MEAN
rejected  2,000  3,000  2,500
accepted  1,300  1,300  1,250
asked     0.2    0.2    0.1

REASON    NOW    PEAK   MEAN
not_mine  2,000  3,000  2,500
accepted  1,300  1,300  1,250
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := TrafficText(Traffic{}); got != "nothing is written down yet: a node does so every 5s since its daemon started\n" {
		t.Errorf("a node that has just started: %q", got)
	}
}
