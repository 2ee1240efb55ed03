package supervise

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
	"thresher/health/probe"
)

// hangingServer answers at once unless it hangs, until it resumes.
type hangingServer struct{ resumed atomic.Pointer[chan struct{}] } // nil while it does not hang

func (h *hangingServer) hang() { c := make(chan struct{}); h.resumed.Store(&c) } // within the bubble

func (h *hangingServer) resume() { close(*h.resumed.Swap(nil)) }

func (h *hangingServer) ask(ctx context.Context) probe.Result {
	if resumed := h.resumed.Load(); resumed != nil {
		select {
		case <-*resumed:
		case <-ctx.Done():
			return probe.Result{Detail: "no answer in time", Weight: -1}
		}
	}
	return probe.Result{OK: true, Detail: "status 200", Weight: -1}
}

// TestServerHangs: rules of a server that hangs are withdrawn within interval times
// fall of the moment when it begins to, whenever that is, and are back within interval
// times rise.
func TestServerHangs(t *testing.T) {
	for _, phase := range []time.Duration{0, 1, 100, 250, 499, 500, 501, 750, 950, 999} {
		for _, fall := range []int{2, 3, 5} {
			check := aCheck("http", config.ActionNone, config.PhaseBoth)
			check.Fall, check.Jitter = fall, 0.05
			server := new(hangingServer)
			o := Options{Rules: []string{"web"}, Checks: []config.Check{check}, Probe: func(config.Check) probe.Func { return server.ask }}
			live(t, o, func(s *Supervisor) {
				withdrawn := func() bool { synctest.Wait(); return s.Picture().Withdrawn["web"] != "" }
				s.Start()
				time.Sleep(10*time.Second + phase*time.Millisecond)
				if withdrawn() {
					t.Fatal("the rule is withdrawn while the server answers")
				}
				server.hang()
				early := time.Duration(fall-1) * (check.Interval - check.Interval/20 - time.Millisecond) // less the jitter
				time.Sleep(early)
				if withdrawn() {
					t.Errorf("%d ms into a second, fall %d: withdrawn before %d failures can be known", phase, fall, fall)
				}
				time.Sleep(time.Duration(fall)*check.Interval - early)
				if !withdrawn() {
					t.Errorf("%d ms into a second, fall %d: not withdrawn after %v", phase, fall, time.Duration(fall)*check.Interval)
				}
				time.Sleep(30*time.Second + phase*7*time.Millisecond)
				server.resume()
				time.Sleep(time.Duration(check.Rise) * check.Interval)
				if withdrawn() {
					t.Errorf("not back %v after it answers again", time.Duration(check.Rise)*check.Interval)
				}
			})
		}
	}
}
