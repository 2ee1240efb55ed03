package farm

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
	"thresher/console"
)

// A loop that does not come to answering is said to be just that, within a time, and
// not to be stopped; one that has ended is.
func TestLoopThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &local{cfg: &config.Config{Node: "web1"}, asks: make(chan ask), ended: make(chan struct{})}
		c := control{l}
		begin := time.Now()
		if s := c.Status(); s.State != console.Busy || s.Node != "web1" || time.Since(begin) != statusPatience {
			t.Errorf("after %v: %+v", time.Since(begin), s)
		}
		var e *console.Error
		if _, err := c.Where(netip.MustParseAddr("192.0.2.7"), 0, ""); !errors.As(err, &e) || e.Code != console.CodeUnavailable {
			t.Errorf("where: %v", err)
		}
		if _, err := c.Buckets("web", 64); !errors.As(err, &e) || e.Code != console.CodeUnavailable {
			t.Errorf("buckets: %v", err)
		}
		close(l.ended)
		if s := c.Status(); s.State != console.Stopped || s.Reason != errEnded.Error() {
			t.Errorf("of a loop that has ended: %+v", s)
		}
	})
}
