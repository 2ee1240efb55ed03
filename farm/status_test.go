package farm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster"
	"thresher/config"
	"thresher/farm/division"
)

// Whoever is in the view has shares, and whoever is not has none, whatever the roster
// knows by then.
func TestSharesOfAView(t *testing.T) {
	s := division.Divider{Rules: []config.Rule{{Name: "rule0"}, {Name: "rule1"}}}
	all := sharesOf(s.Divide(viewOf([]uint8{100, 0}, []uint8{100, 100})), s.Rules)
	for name, want := range map[string]map[string]float64{
		"web1":     {"rule0": 0.5, "rule1": 0},
		"web2":     {"rule0": 0.5, "rule1": 1},
		"stranger": {"rule0": 0, "rule1": 0},
	} {
		got := withZeros(all[name], s.Rules)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 0.01 && b-a < 0.01 })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(sharesOf(s.Divide(cluster.View{}), s.Rules)) != 0 {
		t.Error("without a view somebody has a share")
	}
}
