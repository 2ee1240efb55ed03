package supervise

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thresher/config"
	"thresher/health/life"
	"thresher/health/probe"
)

// fakeRunner is a service that does as it is told.
type fakeRunner struct {
	mu     sync.Mutex
	calls  []string
	end    chan string   // tells its end
	takes  time.Duration // to start
	broken error         // of start
}

func newFakeRunner() *fakeRunner { return &fakeRunner{} }

// run makes the channel where the bubble is that waits for it.
func (r *fakeRunner) run(config.Service) Runner {
	r.end = make(chan string)
	return r
}

func (r *fakeRunner) note(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *fakeRunner) called() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *fakeRunner) Start(ctx context.Context) error {
	r.note("start")
	select {
	case <-time.After(r.takes):
		return r.broken
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *fakeRunner) Stop(context.Context) error  { r.note("stop"); return nil }
func (r *fakeRunner) Force(context.Context) error { r.note("force"); return nil }

func (r *fakeRunner) AwaitEnd(ctx context.Context) (string, error) {
	select {
	case why := <-r.end:
		return why, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// live runs a supervisor within a bubble, where time passes when all wait.
func live(t *testing.T, o Options, test func(*Supervisor)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { during(o, test) })
}

// during runs a supervisor within the bubble that there is.
func during(o Options, test func(*Supervisor)) {
	s := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	test(s)
	cancel()
	<-ended
}

func aService(name string) config.Service {
	return config.Service{Name: name, StartTimeout: 30 * time.Second, StopTimeout: 10 * time.Second, MaxRestarts: 3, Within: time.Hour}
}

func aCheck(name string, action config.Action, phase config.CheckPhase) config.Check {
	return config.Check{Name: name, Type: config.CheckExec, Interval: time.Second, Timeout: 500 * time.Millisecond, Rise: 2, Fall: 2,
		Phase: phase, Action: action, MaxRestarts: 3, Within: time.Hour}
}

func expectPhase(t *testing.T, s *Supervisor, want life.Phase) {
	t.Helper()
	synctest.Wait()
	if p := s.Picture(); p.Phase != want {
		t.Fatalf("%v (%s), want %v", p.Phase, p.Reason, want)
	}
}

// TestLifeOfAService: started, killed and restarted thrice, given up, started again.
func TestLifeOfAService(t *testing.T) {
	r := newFakeRunner()
	r.takes = 3 * time.Second
	o := Options{Services: []config.Service{aService("nginx")}, Rules: []string{"web"}, Runner: r.run}
	live(t, o, func(s *Supervisor) {
		s.Start()
		expectPhase(t, s, life.Starting)
		time.Sleep(3 * time.Second)
		expectPhase(t, s, life.Ready)
		for i := range 2 {
			r.end <- "killed"
			synctest.Wait()
			if p := s.Picture(); p.Withdrawn["web"] == "" || p.Services[0].Restarts != i+1 {
				t.Fatalf("while it is restarted: %+v", p)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if p := s.Picture(); !p.Ready() || p.Withdrawn["web"] != "" {
				t.Fatalf("after it was restarted: %+v", p)
			}
		}
		r.end <- "killed"
		expectPhase(t, s, life.Closing)
		if got, want := s.Picture().Halted, "nginx failed 3 times in 1 h"; got != want {
			t.Errorf("halted for %q, want %q", got, want)
		}
		s.TrafficOut()
		expectPhase(t, s, life.Off)
		s.Start()
		time.Sleep(3 * time.Second)
		expectPhase(t, s, life.Ready)
		s.Stop(false)
		expectPhase(t, s, life.Off)
		want := []string{"start", "stop", "start", "stop", "start", "stop", "start", "stop"}
		if got := r.called(); !slices.Equal(got, want) {
			t.Errorf("called %v, want %v", got, want)
		}
	})
}

// TestStartThatHangs is ended by force, and tried again.
func TestStartThatHangs(t *testing.T) {
	r := newFakeRunner()
	r.takes = time.Hour
	o := Options{Services: []config.Service{aService("nginx")}, Runner: r.run}
	live(t, o, func(s *Supervisor) {
		s.Start()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		got := r.called()
		if len(got) < 2 || got[0] != "start" || !slices.Contains(got[1:], "start") {
			t.Errorf("called %v", got)
		}
		if p := s.Picture(); p.Services[0].Restarts != 1 || p.Ready() {
			t.Errorf("%+v", p)
		}
	})
}

// TestStartThatFails comes to its end without traffic.
func TestStartThatFails(t *testing.T) {
	r := newFakeRunner()
	r.broken = errors.New("bind: address in use")
	o := Options{Services: []config.Service{aService("nginx")}, Runner: r.run}
	live(t, o, func(s *Supervisor) {
		s.Start()
		expectPhase(t, s, life.Off)
		p := s.Picture()
		if p.Halted != "nginx failed 3 times in 1 h" || p.Services[0].Detail != "bind: address in use" {
			t.Errorf("%+v", p)
		}
	})
}

// TestHangingCheck: one that never ends, and does not heed its context, holds up
// nobody.
func TestHangingCheck(t *testing.T) {
	var hang chan struct{}
	var mu sync.Mutex
	runs := make(map[string]int)
	o := Options{
		Rules: []string{"web"},
		Checks: []config.Check{
			aCheck("hangs", config.ActionNone, config.PhaseBoth), aCheck("works", config.ActionNone, config.PhaseBoth),
		},
		Probe: func(c config.Check) probe.Func {
			hang = make(chan struct{}) // within the bubble
			return func(context.Context) probe.Result {
				mu.Lock()
				runs[c.Name]++
				mu.Unlock()
				if c.Name == "hangs" {
					<-hang // of the last check that was made
				}
				return probe.Result{OK: true, Weight: -1}
			}
		},
	}
	live(t, o, func(s *Supervisor) {
		s.Start()
		time.Sleep(60*time.Second + time.Millisecond)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if runs["hangs"] != 1 || runs["works"] != 61 {
			t.Errorf("%d runs hang, %d are well, want 1 and 61", runs["hangs"], runs["works"])
		}
		p := s.Picture()
		if p.Checks[0].Verdict.String() != "down" || p.Checks[1].Verdict.String() != "up" {
			t.Errorf("%+v", p.Checks)
		}
		close(hang)
	})
}

// TestAgent: the least weight that agents want of a rule counts, and is forgotten
// when nobody asks any more.
func TestAgent(t *testing.T) {
	weight := map[string]int{"a": 75, "b": 50}
	a, b := aCheck("a", config.ActionNone, config.PhaseBoth), aCheck("b", config.ActionNone, config.PhaseBoth)
	b.Rules = []string{"web"}
	o := Options{
		Rules: []string{"web", "dns"}, Checks: []config.Check{a, b},
		Probe: func(c config.Check) probe.Func {
			return func(context.Context) probe.Result { return probe.Result{OK: true, Weight: weight[c.Name]} }
		},
	}
	live(t, o, func(s *Supervisor) {
		s.Start()
		synctest.Wait()
		if w := s.Picture().Weights; w["web"] != 50 || w["dns"] != 75 {
			t.Errorf("weights %v", w)
		}
		s.Suspend(true)
		if w := s.Picture().Weights; len(w) != 0 {
			t.Errorf("weights %v while checks are suspended", w)
		}
	})
}

// TestSilentAgent: a server that has said what it wants wants that while it fails to
// answer, and does not have more clients for it.
func TestSilentAgent(t *testing.T) {
	var says atomic.Pointer[probe.Result]
	says.Store(&probe.Result{OK: true, Weight: 0})
	c := aCheck("a", config.ActionNone, config.PhaseBoth)
	c.Fall = 3
	o := Options{Rules: []string{"web"}, Checks: []config.Check{c}, Probe: func(config.Check) probe.Func {
		return func(context.Context) probe.Result { return *says.Load() }
	}}
	live(t, o, func(s *Supervisor) {
		s.Start()
		for i, step := range []struct {
			says probe.Result
			want map[string]int
		}{
			{probe.Result{OK: true, Weight: 0}, map[string]int{"web": 0}},
			{probe.Result{Weight: -1}, map[string]int{"web": 0}},
			{probe.Result{OK: true, Weight: 25}, map[string]int{"web": 25}},
			{probe.Result{Weight: -1}, map[string]int{"web": 25}},
			{probe.Result{OK: true, Weight: -1}, map[string]int{}},
		} {
			says.Store(&step.says)
			time.Sleep(c.Interval)
			synctest.Wait()
			if w := s.Picture().Weights; !maps.Equal(w, step.want) {
				t.Errorf("step %d: weights %v, want %v", i+1, w, step.want)
			}
		}
	})
}

// TestAgentHandedOver: what an agent wants holds on in the next process, also while it
// fails to answer that one; of a check that is no agent's any more, nothing does.
func TestAgentHandedOver(t *testing.T) {
	says := probe.Result{OK: true, Weight: 25}
	c := aCheck("a", config.ActionNone, config.PhaseBoth)
	c.Fall, c.Exec.Agent = 3, true
	o := Options{Rules: []string{"web"}, Checks: []config.Check{c}, Probe: func(config.Check) probe.Func {
		return func(context.Context) probe.Result { return says }
	}}
	synctest.Test(t, func(t *testing.T) {
		var handed Handed
		during(o, func(s *Supervisor) {
			s.Start()
			synctest.Wait()
			handed = s.HandOver()
		})
		says = probe.Result{Weight: -1}
		for agent, want := range map[bool]map[string]int{true: {"web": 25}, false: {}} {
			o.Checks[0].Exec.Agent = agent
			during(o, func(s *Supervisor) {
				s.Adopt(handed)
				for range 2 { // before it has been asked, and after
					if w := s.Picture().Weights; !maps.Equal(w, want) {
						t.Errorf("agent %v: weights %v, want %v", agent, w, want)
					}
					synctest.Wait()
				}
			})
		}
	})
}

// TestEvents: what changes is told, once.
func TestEvents(t *testing.T) {
	var kinds []string
	var well atomic.Bool
	well.Store(true)
	o := Options{
		Rules: []string{"web"}, Checks: []config.Check{aCheck("c", config.ActionNone, config.PhaseBoth)},
		Event: func(e Event) { kinds = append(kinds, e.Kind) },
		Probe: func(config.Check) probe.Func {
			return func(context.Context) probe.Result { return probe.Result{OK: well.Load(), Weight: -1, Warning: "soon"} }
		},
	}
	live(t, o, func(s *Supervisor) {
		s.Start()
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		well.Store(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if want := []string{"check_warning", "check_up", "check_down"}; !slices.Equal(kinds, want) {
			t.Errorf("told %v, want %v", kinds, want)
		}
	})
}

// TestHandOver: another process goes on with services that run, and with what was
// withdrawn.
func TestHandOver(t *testing.T) {
	r := newFakeRunner()
	var well atomic.Bool
	well.Store(true)
	o := Options{
		Services: []config.Service{aService("nginx")}, Rules: []string{"web"}, Runner: r.run,
		Checks: []config.Check{aCheck("c", config.ActionNone, config.PhaseBoth)},
		Probe: func(config.Check) probe.Func {
			return func(context.Context) probe.Result { return probe.Result{OK: well.Load(), Weight: -1} }
		},
	}
	var handed Handed
	live(t, o, func(s *Supervisor) {
		s.Start()
		synctest.Wait()
		r.end <- "killed"
		synctest.Wait()
		well.Store(false)
		time.Sleep(10 * time.Second)
		handed = s.HandOver()
	})
	if !handed.Ready || len(handed.Failures["nginx"]) != 1 || !slices.Equal(handed.Latched, []string{"c"}) {
		t.Fatalf("handed over %+v", handed)
	}
	before := len(r.called())
	live(t, o, func(s *Supervisor) {
		s.Adopt(handed)
		if p := s.Picture(); !p.Ready() || p.Withdrawn["web"] == "" || p.Services[0].Restarts != 1 {
			t.Errorf("adopted as %+v", p)
		}
		well.Store(true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if p := s.Picture(); p.Withdrawn["web"] != "" {
			t.Errorf("still withdrawn: %v", p.Withdrawn)
		}
	})
	if after := len(r.called()); after != before {
		t.Errorf("the service was touched: %v", r.called()[before:])
	}
}
