package farm

import (
	"testing"

	"thresher/cluster/confirm"
)

// TestOnlyGains tells leases apart whose heartbeat may go before they are carried out.
func TestOnlyGains(t *testing.T) {
	ids := ruleIDs(nil)
	one := confirm.NewBitmap(8)
	one.Set(7)
	some := confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{ids[0]: one})
	for _, c := range []struct {
		name  string
		lease confirm.Lease
		want  bool
	}{
		{"buckets gained", confirm.Lease{Moved: true, Confirmed: some, Held: some}, true},
		{"a later deadline alone", confirm.Lease{Deadline: 1}, false},
		{"buckets taken away", confirm.Lease{Moved: true, Shrunk: true}, false},
		{"buckets released that were not confirmed", confirm.Lease{Moved: true, Released: some}, false},
	} {
		if got := onlyGains(c.lease); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
