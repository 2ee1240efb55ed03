package farm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// servingLoop is a loop that does nothing but what it is asked for.
func servingLoop(t *testing.T) *local {
	l := &local{weights: weighted(), asks: make(chan ask), ended: make(chan struct{})}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case a := <-l.asks:
				a.do()
				close(a.done)
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	return l
}

// Whoever looks after services may speak of one rule, of several, or of all, from
// any goroutine.
func TestServing(t *testing.T) {
	s := serving{servingLoop(t)}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wire := func() (list []uint8) {
		do(s.loop.do(t.Context(), func() { list = s.loop.weights.wire() }))
		return list
	}
	do(s.withdraw(t.Context(), "check http", "web", "dns"))
	if diff := cmp.Diff([]uint8{0, 0, 91}, wire()); diff != "" {
		t.Errorf("two withdrawn (-want +got):\n%s", diff)
	}
	do(s.withdraw(t.Context(), "service nginx"))
	if diff := cmp.Diff([]uint8{0, 0, 0}, wire()); diff != "" {
		t.Errorf("all withdrawn (-want +got):\n%s", diff)
	}
	do(s.restore(t.Context(), "check http", "web"))
	do(s.restore(t.Context(), "service nginx"))
	do(s.scale(t.Context(), "slow start", 20))
	if diff := cmp.Diff([]uint8{20, 0, 91}, wire()); diff != "" {
		t.Errorf("starting slowly (-want +got):\n%s", diff)
	}
	do(s.restore(t.Context(), "check http", "dns"))
	do(s.restore(t.Context(), "slow start"))
	if diff := cmp.Diff([]uint8{100, 50, 91}, wire()); diff != "" {
		t.Errorf("all restored (-want +got):\n%s", diff)
	}
	// One rule that there is not, and nothing is done.
	if err := s.withdraw(t.Context(), "check http", "web", "wbe"); err == nil || !strings.Contains(err.Error(), `check http: there is no rule "wbe"`) {
		t.Errorf("no such rule: %v", err)
	}
	if diff := cmp.Diff([]uint8{100, 50, 91}, wire()); diff != "" {
		t.Errorf("refused, and yet (-want +got):\n%s", diff)
	}
}
