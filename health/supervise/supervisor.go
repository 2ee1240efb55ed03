package supervise

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"thresher/config"
	"thresher/health/check"
	"thresher/health/life"
	"thresher/health/probe"
	"thresher/health/service"
)

// Runner starts, stops and watches one service. Its methods are called from several
// goroutines.
type Runner interface {
	// Start returns when the service is ready.
	Start(ctx context.Context) error
	// Stop returns when it is stopped.
	Stop(ctx context.Context) error
	// Force ends it without asking.
	Force(ctx context.Context) error
	// AwaitEnd returns why the service has ended by itself, or ctx's error. It may
	// be called when the service runs.
	AwaitEnd(ctx context.Context) (string, error)
}

// Options are what a Supervisor needs.
type Options struct {
	Services []config.Service
	Checks   []config.Check
	// Rules are all rules of the node, for checks and services that name none.
	Rules  []string
	Manual bool // rejoin: manual
	// Event is told what happens, on the supervisor's goroutine; it must not call
	// back.
	Event func(Event)
	// Probe and Runner make what looks at things and runs them; nil is the real
	// ones.
	Probe  func(config.Check) probe.Func
	Runner func(config.Service) Runner
}

// Supervisor runs services and checks. Its methods may be called from any
// goroutine; they return when what they say has been taken in, and the picture
// shows it.
type Supervisor struct {
	options Options
	life    *life.Machine
	picture atomic.Pointer[Picture]
	changed chan struct{}

	inbox chan message
	heard []chan struct{} // of messages that the picture does not show yet
	ended chan struct{}   // closed when Run returns

	queue []life.Step // decided and not carried out yet
	busy  bool        // with the queue

	news  bool      // what the picture does not show yet
	shown time.Time // when it was made

	checks   []*checkRun
	services []*serviceRun
	byCheck  map[string]*checkRun
	byName   map[string]*serviceRun
	work     sync.WaitGroup
	ctx      context.Context // of all work; Run's own, set before any
}

type message struct {
	do   func(now time.Time)
	done chan struct{}
}

// New makes a supervisor of a node that is off; Run lets it live.
func New(o Options) *Supervisor {
	s := &Supervisor{
		options: o, changed: make(chan struct{}, 1), inbox: make(chan message), ended: make(chan struct{}),
		byCheck: make(map[string]*checkRun), byName: make(map[string]*serviceRun),
	}
	grid := time.Now()
	if o.Probe == nil {
		o.Probe = probe.New
	}
	if o.Runner == nil {
		o.Runner = newRunner
	}
	for _, c := range o.Services {
		r := &serviceRun{config: c, runner: o.Runner(c), machine: service.New(service.Params{
			Name: c.Name, StartTimeout: c.StartTimeout, StopTimeout: c.StopTimeout, MaxRestarts: c.MaxRestarts, Within: c.Within,
		})}
		s.services = append(s.services, r)
		s.byName[c.Name] = r
	}
	for _, c := range o.Checks {
		r := &checkRun{config: c, probe: o.Probe(c), weight: -1, machine: check.New(check.Params{
			Interval: c.Interval, Timeout: c.Timeout, Jitter: c.Jitter, Grid: grid, Rise: c.Rise, Fall: c.Fall,
		}, rand.Float64)}
		s.checks = append(s.checks, r)
		s.byCheck[c.Name] = r
	}
	s.life = life.New(o.params())
	s.publish(time.Now())
	return s
}

// params are what the node's life is about.
func (o Options) params() life.Params {
	p := life.Params{Manual: o.Manual}
	for _, c := range o.Services {
		p.Services = append(p.Services, life.Service{Name: c.Name, After: c.After, Rules: o.rules(c.Rules, c.WithdrawsNone)})
	}
	actions := map[config.Action]life.Action{
		config.ActionNone: life.Nothing, config.ActionWait: life.Wait, config.ActionRestart: life.Restart,
		config.ActionStopstart: life.Stopstart, config.ActionStop: life.Stop,
	}
	for _, c := range o.Checks {
		services := c.Services
		if len(services) == 0 {
			for _, one := range o.Services {
				services = append(services, one.Name)
			}
		}
		p.Checks = append(p.Checks, life.Check{
			Name: c.Name, Pre: c.Phase == config.PhasePre, Action: actions[c.Action], Services: services,
			Rules: o.rules(c.Rules, c.WithdrawsNone), MaxRestarts: c.MaxRestarts, Within: c.Within,
		})
	}
	return p
}

func (o Options) rules(named []string, none bool) []string {
	if none || len(named) > 0 {
		return named
	}
	return o.Rules
}

// Changed gets a value when the picture has changed.
func (s *Supervisor) Changed() <-chan struct{} { return s.changed }

// Picture is where things stand.
func (s *Supervisor) Picture() *Picture { return s.picture.Load() }

// Start brings the node up as far as services and checks are concerned, and
// forgets why it had stopped.
func (s *Supervisor) Start() {
	s.do(func(now time.Time) {
		for _, r := range s.services {
			r.machine.Reset()
			r.gaveUp = ""
		}
		s.carryOut(now, s.life.Start(now))
	})
}

// Stop takes services down; traffic is out already. force does not ask them.
func (s *Supervisor) Stop(force bool) {
	s.do(func(now time.Time) { s.carryOut(now, s.life.Stop(now, force)) })
}

// TrafficOut says that no traffic is let in any more.
func (s *Supervisor) TrafficOut() {
	s.do(func(now time.Time) { s.carryOut(now, s.life.TrafficOut(now)) })
}

// Suspend has checks and the ends of services not count, for maintenance.
func (s *Supervisor) Suspend(suspend bool) {
	s.do(func(now time.Time) {
		s.carryOut(now, s.life.Suspend(now, suspend))
		for _, r := range s.services {
			s.command(now, r, r.machine.Pause(now, suspend))
		}
	})
}

// Forget forgets the failures of services. A node that has stopped because of them
// stays stopped until Start.
func (s *Supervisor) Forget() {
	s.do(func(time.Time) {
		for _, r := range s.services {
			r.machine.Reset()
			r.gaveUp = ""
		}
	})
}

// do has f done on the supervisor's goroutine, and waits for it.
func (s *Supervisor) do(f func(now time.Time)) {
	m := message{f, make(chan struct{})}
	select {
	case s.inbox <- m:
		<-m.done
	case <-s.ended:
	}
}

// post is do for goroutines that nobody waits for.
func (s *Supervisor) post(f func(now time.Time)) {
	select {
	case s.inbox <- message{do: f}:
	case <-s.ended:
	}
}

// Run lives until ctx is done. Services stay as they are then, and probes and
// commands under way are ended.
func (s *Supervisor) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	s.ctx = ctx
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for ctx.Err() == nil {
		if due := s.due(); due.IsZero() {
			alarm.Stop()
		} else {
			alarm.Reset(time.Until(due))
		}
		select {
		case m := <-s.inbox:
			s.take(m)
		case <-alarm.C:
		case <-ctx.Done():
			continue
		}
		s.takeAll()
		s.tick(time.Now())
		s.show(time.Now())
		for _, done := range s.heard {
			close(done)
		}
		s.heard = s.heard[:0]
	}
	close(s.ended)
	cancel()
	s.awaitWork()
}

// take does what a message says. Who waits for it is answered when the picture shows
// it.
func (s *Supervisor) take(m message) {
	m.do(time.Now())
	if m.done != nil {
		s.heard, s.news = append(s.heard, m.done), true
	}
}

// takeAll takes what else has come: what follows from all of it is looked at once.
func (s *Supervisor) takeAll() {
	for range len(s.checks) + len(s.services) {
		select {
		case m := <-s.inbox:
			s.take(m)
		default:
			return
		}
	}
}

// workPatience is how long what is under way gets to end: it has been told to, but
// what hangs in the kernel ends when it likes.
const workPatience = time.Second

func (s *Supervisor) awaitWork() {
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(workPatience):
	}
}

// Settle waits until all services are stopped, or ctx is done.
func (s *Supervisor) Settle(ctx context.Context) {
	for {
		if p := s.Picture(); p.Phase == life.Off {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.ended:
			return
		case <-s.changed:
		}
	}
}

// due is when tick has something to do; zero for never.
func (s *Supervisor) due() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, r := range s.checks {
		sooner(r.machine.Due())
	}
	for _, r := range s.services {
		sooner(r.machine.Due())
	}
	return first
}

func (s *Supervisor) tick(now time.Time) {
	for _, r := range s.checks {
		run, change := r.machine.Tick(now)
		s.begin(r, run)
		s.verdict(now, r, change)
	}
	for _, r := range s.services {
		s.command(now, r, r.machine.Tick(now))
	}
}

// carryOut does what the node's life says. What that brings about is carried out
// after it, in the order in which it was decided.
func (s *Supervisor) carryOut(now time.Time, steps []life.Step) {
	s.news = true
	s.queue = append(s.queue, steps...)
	if s.busy {
		return
	}
	s.busy = true
	defer func() { s.busy = false }()
	for len(s.queue) > 0 {
		step := s.queue[0]
		s.queue = s.queue[1:]
		switch step.Do {
		case life.RunCheck:
			s.startCheck(now, s.byCheck[step.Name])
		case life.EndCheck:
			s.endCheck(now, s.byCheck[step.Name])
		default:
			s.direct(now, s.byName[step.Name], step)
		}
	}
}

// direct does what the node's life says about a service.
func (s *Supervisor) direct(now time.Time, r *serviceRun, step life.Step) {
	switch step.Do {
	case life.WantService:
		s.command(now, r, r.machine.Want(now))
	case life.UnwantService:
		s.command(now, r, r.machine.Unwant(now, false))
	case life.ForceService:
		s.command(now, r, r.machine.Unwant(now, true))
	case life.FailService:
		s.command(now, r, r.machine.Fail(now, step.Why))
	}
}

func (s *Supervisor) event(kind string, bad bool, name, message string) {
	if s.options.Event != nil {
		s.options.Event(Event{kind, bad, name, message})
	}
}
