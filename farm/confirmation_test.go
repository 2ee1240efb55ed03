package farm

import (
	"testing"

	"thresher/cluster/confirm"
)

// TestOnlyTakesUp tells leases apart whose heartbeat may go before they are carried out.
func TestOnlyTakesUp(t *testing.T) {
	ids := ruleIDs(nil)
	one := confirm.NewBitmap(8)
	one.Set(7)
	some := confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{ids[0]: one})
	for _, c := range []struct {
		name  string
		lease confirm.Lease
		want  bool
	}{
		{"buckets taken up", confirm.Lease{Moved: true, Target: some, Confirmed: some, Held: some}, true},
		{"a later deadline alone", confirm.Lease{Target: some, Deadline: 1}, false},
		{"buckets taken away", confirm.Lease{Moved: true, Target: some, Shrunk: true}, false},
		{"buckets released that were not confirmed", confirm.Lease{Moved: true, Target: some, Released: some}, false},
		{"another target", confirm.Lease{Moved: true}, false},
	} {
		if got := onlyTakesUp(confirm.Lease{Target: some}, c.lease); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
