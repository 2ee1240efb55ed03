package console

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// The addresses of one network share what an address may ask for.
func TestRatesAreOfNetworks(t *testing.T) {
	r, now := rates{known: make(map[netip.Addr]*rate.Limiter)}, time.Now()
	for i := range requestsAtOnce {
		if !r.allow(now, netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i))) {
			t.Fatalf("request %d is refused", i)
		}
	}
	for address, want := range map[string]bool{"2001:db8::ffff": false, "2001:db8:0:1::1": true, "192.0.2.1": true} {
		if got := r.allow(now, netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is let ask: %v", address, got)
		}
	}
}
