package farm

import (
	"context"
	"maps"
	"slices"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/health/supervise"
)

// boot reads what was kept, and has the node come up or not. A process that goes on
// in another one's place does as that one did.
func (l *local) boot() {
	var err error
	if l.kept, err = recall(l.cfg); err != nil {
		l.log.Error("whether this node was stopped or cordoned is not known: it comes up", "err", err)
	}
	if l.handed != nil && l.handed.resumed {
		return
	}
	l.life.boot(l.cfg.Life, l.kept)
	if l.cfg.Life.BootDelay > 0 && l.life.state != console.Stopped {
		l.life.boots = time.Now().Add(l.cfg.Life.BootDelay)
	}
}

// supervise lets services and checks live; the function that it returns ends that,
// and leaves services as they are.
func (l *local) supervise() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); l.app.supervisor.Run(ctx) }()
	if h := l.handed; h != nil && h.resumed && h.Application != nil {
		ready := l.app.supervisor.Adopt(h.Application.Supervisor)
		l.app.wanted = h.Application.Wanted && ready
		maps.Copy(l.withdrawn, h.Application.Withdrawn)
		l.resumeRise(time.Now(), h.Application.Rising)
	}
	stopped := l.stopDropped()
	return func() { <-stopped; cancel(); <-ended }
}

// stopDropped stops what the process before this one ran and the configuration does
// not name any more; nobody else would. stopped is closed when that is done, or has
// taken too long.
func (l *local) stopDropped() (stopped <-chan struct{}) {
	done := make(chan struct{})
	var left []config.Service
	if h := l.handed; h != nil && h.Application != nil && h.Application.Wanted {
		left = dropped(h.Application.Services, l.cfg.Services)
	}
	go func() {
		defer close(done)
		if len(left) > 0 {
			stopThese(left, l.events.health)
		}
	}()
	return done
}

// dropped are the services of was whose names is does not have.
func dropped(was, is []config.Service) (list []config.Service) {
	lacks := func(in []config.Service, name string) bool {
		return !slices.ContainsFunc(in, func(s config.Service) bool { return s.Name == name })
	}
	for _, s := range was {
		if lacks(is, s.Name) {
			list = append(list, s)
		}
	}
	for i, s := range list {
		list[i].After = slices.DeleteFunc(slices.Clone(s.After), func(name string) bool { return lacks(list, name) })
	}
	return list
}

// stopThese stops services that run, in their order.
func stopThese(services []config.Service, event func(supervise.Event)) {
	s := supervise.New(supervise.Options{Services: services, Event: event})
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience(services))
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	running := supervise.Handed{Ready: true, Failures: make(map[string][]time.Time)}
	for _, one := range services {
		running.Failures[one.Name] = nil
	}
	s.Adopt(running)
	s.Stop(false)
	s.TrafficOut()
	s.Settle(ctx)
	cancel()
	<-ended
}

// stopPatience is how long services may take to stop, one after the other.
func stopPatience(services []config.Service) time.Duration {
	patience := time.Second
	for _, s := range services {
		patience += 2 * s.StopTimeout
	}
	return patience
}

// handApplication is what the next process has to know of services and checks.
func (l *local) handApplication() *handedApplication {
	return &handedApplication{
		Supervisor: l.app.supervisor.HandOver(), Wanted: l.app.wanted, Withdrawn: l.withdrawn, Rising: l.app.rising, Services: l.cfg.Services,
	}
}

// quit has a node leave the farm and stop its services that was to be handed over, and
// could not be. Those that looked after the services have ended: app goes on with them,
// as the next process would have.
func (l *local) quit(why error, app *application) {
	l.log.Error("nothing is handed over: this node leaves the farm", "err", why)
	l.front.leave()
	l.handed, l.app = l.left, app
	l.handed.resumed = true
	l.handed.Descriptors = descriptors{} // what was prepared is closed: its numbers are others' by now
	defer l.supervise()()
	l.stopServices()
}

// stopServices stops services when the node goes for good; traffic is out.
func (l *local) stopServices() {
	if len(l.cfg.Services) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience(l.cfg.Services))
	defer cancel()
	l.app.supervisor.Stop(false)
	l.app.supervisor.Settle(ctx)
}
