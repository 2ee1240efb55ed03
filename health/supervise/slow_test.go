package supervise

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
	"thresher/health/life"
	"thresher/health/probe"
)

// slowServer is told that it has started long before it answers. All but its start, which
// is at once, is as fakeRunner has it.
type slowServer struct {
	*fakeRunner
	needs   time.Duration
	answers time.Time // from when on; later still if it hangs
}

func (r *slowServer) Start(ctx context.Context) error {
	r.mu.Lock()
	r.answers = time.Now().Add(r.needs)
	r.mu.Unlock()
	return r.fakeRunner.Start(ctx)
}

// hang has it answer no more until it is started again.
func (r *slowServer) hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = time.Now().Add(24 * time.Hour)
}

func (r *slowServer) probe(config.Check) probe.Func {
	return func(context.Context) probe.Result {
		r.mu.Lock()
		defer r.mu.Unlock()
		return probe.Result{OK: !time.Now().Before(r.answers), Weight: -1}
	}
}

// slowOptions are of that server, with a check each second that acts after two failures,
// and 30 s to start.
func slowOptions(r *slowServer, action config.Action) Options {
	return Options{
		Services: []config.Service{aService("nginx")}, Rules: []string{"web"},
		Checks: []config.Check{aCheck("http", action, config.PhaseBoth)},
		Runner: func(c config.Service) Runner { r.run(c); return r }, Probe: r.probe,
	}
}

// expectRestarts lets time pass, and says how often the service has been restarted by
// then, and whether the node serves.
func expectRestarts(t *testing.T, s *Supervisor, after time.Duration, restarts int, serves bool) {
	t.Helper()
	time.Sleep(after)
	synctest.Wait()
	p := s.Picture()
	if got := p.Ready() && p.Withdrawn["web"] == ""; p.Services[0].Restarts != restarts || got != serves {
		t.Fatalf("%d restarts, serves %v, want %d, %v: %+v", p.Services[0].Restarts, got, restarts, serves, p)
	}
}

// TestSlowService: one that has no ready gets its start timeout after each start, and is
// restarted once for each time that it hangs.
func TestSlowService(t *testing.T) {
	for _, needs := range []time.Duration{5 * time.Second, 20 * time.Second, 29 * time.Second} {
		r := &slowServer{fakeRunner: newFakeRunner(), needs: needs}
		live(t, slowOptions(r, config.ActionRestart), func(s *Supervisor) {
			s.Start()
			expectRestarts(t, s, needs-time.Second, 0, false)
			expectRestarts(t, s, 3*time.Second, 0, true)
			for hangs := 1; hangs <= 2; hangs++ {
				r.hang()
				expectRestarts(t, s, 2500*time.Millisecond, hangs, false)
				expectRestarts(t, s, needs-3*time.Second, hangs, false)
				expectRestarts(t, s, 3*time.Second, hangs, true)
				expectRestarts(t, s, time.Minute, hangs, true)
			}
		})
	}
}

// TestSlowServiceKilled: after its death it gets its time, too.
func TestSlowServiceKilled(t *testing.T) {
	r := &slowServer{fakeRunner: newFakeRunner(), needs: 20 * time.Second}
	live(t, slowOptions(r, config.ActionRestart), func(s *Supervisor) {
		s.Start()
		expectRestarts(t, s, 22*time.Second, 0, true)
		r.end <- "killed"
		expectRestarts(t, s, 19*time.Second, 1, false)
		expectRestarts(t, s, 3*time.Second, 1, true)
	})
}

// TestTooSlowService: one that does not come up in its time is tried as often as it may
// be, a start timeout and fall apart, whatever the check does about it.
func TestTooSlowService(t *testing.T) {
	for action, halted := range map[config.Action]string{
		config.ActionRestart: "nginx failed 3 times in 1 h", config.ActionStopstart: "check http failed 3 times in 1 h", config.ActionStop: "check http",
	} {
		tries := 3
		if action == config.ActionStop {
			tries = 1
		}
		r := &slowServer{fakeRunner: newFakeRunner(), needs: time.Hour}
		live(t, slowOptions(r, action), func(s *Supervisor) {
			s.Start()
			time.Sleep(time.Duration(tries) * 30 * time.Second)
			synctest.Wait()
			if p := s.Picture(); p.Halted != "" || p.Ready() && p.Withdrawn["web"] == "" {
				t.Errorf("%v: before its time is over: %+v", action, p)
			}
			time.Sleep(time.Duration(tries) * 3 * time.Second)
			synctest.Wait()
			if p := s.Picture(); p.Halted != halted {
				t.Errorf("%v: halted for %q, want %q", action, p.Halted, halted)
			}
		})
	}
}

// TestReadyServiceGetsNoMoreTime: one that has said that it is ready, and checks that only
// withdraw rules, are judged by fall alone.
func TestReadyServiceGetsNoMoreTime(t *testing.T) {
	r := &slowServer{fakeRunner: newFakeRunner(), needs: time.Hour}
	o := slowOptions(r, config.ActionRestart)
	o.Services[0].Ready = []string{"/bin/true"}
	live(t, o, func(s *Supervisor) {
		s.Start()
		expectRestarts(t, s, 1500*time.Millisecond, 1, false)
	})
	live(t, slowOptions(r, config.ActionNone), func(s *Supervisor) {
		s.Start()
		time.Sleep(1500 * time.Millisecond)
		expectPhase(t, s, life.Ready)
	})
}

// TestSlowServiceHandedOver: a process that goes on while a service comes up leaves it
// the rest of its time, and no more.
func TestSlowServiceHandedOver(t *testing.T) {
	for needs, serves := range map[time.Duration]bool{25 * time.Second: true, time.Hour: false} {
		r := &slowServer{fakeRunner: newFakeRunner(), needs: needs}
		o := slowOptions(r, config.ActionRestart)
		synctest.Test(t, func(t *testing.T) {
			var handed Handed
			during(o, func(s *Supervisor) {
				r.needs = 0
				s.Start()
				expectRestarts(t, s, time.Second, 0, true)
				r.needs = needs
				r.end <- "killed"
				expectRestarts(t, s, 10*time.Second, 1, false)
				handed = s.HandOver()
			})
			during(o, func(s *Supervisor) {
				s.Adopt(handed)
				expectRestarts(t, s, 17*time.Second, 1, serves)
				if !serves {
					expectRestarts(t, s, 6*time.Second, 2, false)
				}
			})
		})
	}
}
