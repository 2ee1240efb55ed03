package farm

import (
	"context"
	"maps"
	"time"

	"thresher/console"
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
	}
	return func() { cancel(); <-ended }
}

// handApplication is what the next process has to know of services and checks.
func (l *local) handApplication() *handedApplication {
	return &handedApplication{Supervisor: l.app.supervisor.HandOver(), Wanted: l.app.wanted, Withdrawn: l.withdrawn}
}

// quit has a node leave the farm and stop its services that was to be handed over, and
// could not be. Those that looked after the services have ended: app goes on with them,
// as the next process would have.
func (l *local) quit(why error, app *application) {
	l.log.Error("nothing is handed over: this node leaves the farm", "err", why)
	l.front.leave()
	l.handed, l.app = l.left, app
	l.handed.resumed = true
	defer l.supervise()()
	l.stopServices()
}

// stopServices stops services when the node goes for good; traffic is out.
func (l *local) stopServices() {
	if len(l.cfg.Services) == 0 {
		return
	}
	patience := time.Second
	for _, s := range l.cfg.Services {
		patience += 2 * s.StopTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.app.supervisor.Stop(false)
	l.app.supervisor.Settle(ctx)
}
