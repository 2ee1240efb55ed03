package confirmation

import (
	"net"
	"sync/atomic"
	"testing"

	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/farm/division"
	"thresher/internal/netnstest"
)

// TestOnlyTakesUp tells leases apart whose heartbeat may go before they are carried out.
func TestOnlyTakesUp(t *testing.T) {
	ids := division.RuleIDs(nil)
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

// A start that fails closes a confirmation that has not begun: what goes on beside it has
// ended then.
func TestCloseWaitsForWhatGoesOn(t *testing.T) {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", netnstest.New(t), "peer", 1)
	c := &Confirmation{asks: make(chan event, 1), ended: make(chan struct{})}
	ns.Do(t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil {
			c.wire, err = segment.Open(ifi, [32]byte{1})
		}
		return err
	})
	c.halfOpen = newTestHalfOpen(t, nil)
	var listed atomic.Bool
	c.halfOpen.do = func(f func(now confirm.Time)) {
		c.inTurn(f)
		listed.Store(true)
	}
	c.halfOpen.released(confirm.Buckets{}, 1)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if !listed.Load() {
		t.Error("sockets are still listed")
	}
}
