package farm

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/trial"
	"thresher/xsk"
)

// local is the part of the daemon that every node has, however its clients come to
// it: its life, its services and checks, its place in the membership, and those that
// ask it. What is below asks is owned by the goroutine of the node's loop, and so are
// the methods but for do.
type local struct {
	cfg      *config.Config
	log      *slog.Logger
	events   *events
	digest   uint64
	mac      config.MAC // of the interface that clients' packets come in by
	weights  *weights
	trials   *trial.Store
	hangup   chan os.Signal // SIGHUP, which asks for a reload
	cluster  *cluster.Cluster
	listener net.Listener // of the API's unix socket
	api      *api
	failed   chan error // a part that the node cannot serve without gave up

	self    Self
	inPlace bool    // this process has run its program anew
	handed  *handed // by the process before this one; nil if there was none
	left    *handed // for the process after this one; nil if there will be none

	front front

	asks  chan ask
	ended chan struct{} // closed when the loop returns

	life     life
	roster   roster
	networks networks
	written  []config.Peer // into cluster.join of the file, since it was read
	missing  bool          // nodes that are known are not in it, as last told

	rejoining bool // gossip has not found the others again since a restart

	alarm     *time.Timer       // for when life is due
	told      console.NodeState // the state that the others were last told
	toldShut  string            // why the node does not serve, as last told
	takes     bool              // whether clients were last let in, or may be
	loaded    *config.Config    // the file as it was last read
	app       *application
	health    healthPage
	kept      kept              // over a boot
	withdrawn map[string]string // why this node does not serve rules, by rule
	wave      chan cluster.Meta // what this node is to tell the others of itself
	fence     fence             // of a node with VIPs
}

// front is how clients come to a node. Its methods run on the loop's goroutine.
type front interface {
	// run decides until ctx is done or something that the node cannot serve without
	// has failed.
	run(ctx context.Context) error
	// attend answers clients' neighbours until ctx is done; what it returns waits for
	// that.
	attend(ctx context.Context) (wait func())
	// leave ends the node's part in the farm: traffic out first, then the others are
	// told.
	leave()
	// take lets clients in, or no more, as life has it.
	take()
	// flowsLeft is how many connections there are; more than any if it is not known.
	flowsLeft() int
	// handOver is what the next process has to know to go on, but for open files and
	// what goes on until the last moment.
	handOver() *handed
	// restart runs the program anew. It returns only if that fails.
	restart(prepared *xsk.Prepared) error
	// capture begins a capture of clients' packets; it may be called from any goroutine.
	capture(ctx context.Context, o console.CaptureOptions) (*capture, error)
	// setKeys has all that speaks with other nodes' fronts use the keys and believe
	// them, the first being the one to use.
	setKeys(keys [][32]byte) error
	status() console.Status
	datapathStatus() console.Datapath
	buckets(rule string, cells int) (console.Buckets, error)
	where(client netip.Addr, port uint16, rule string) ([]console.Where, error)
}

func newLocal(cfg *config.Config, log *slog.Logger, self Self) *local {
	alarm := time.NewTimer(time.Hour)
	alarm.Stop()
	l := &local{
		cfg: cfg, log: log, digest: cfg.RulesDigest(), self: self,
		events: &events{ring: console.NewLog(0), log: log},
		failed: make(chan error, 4), hangup: make(chan os.Signal, 1),
		weights: newWeights(cfg.Node, cfg.Rules),

		asks: make(chan ask), ended: make(chan struct{}),

		life: newLife(), roster: newRoster(cfg.Node, cfg.RulesDigest()), alarm: alarm, loaded: cfg,
		withdrawn: make(map[string]string), wave: make(chan cluster.Meta, 1),
	}
	if _, l.inPlace = os.LookupEnv(handOverVariable); l.inPlace {
		l.life.action = actionRestart
	}
	var err error
	if l.trials, err = trial.Open(self.File); err != nil {
		log.Warn("a trial that was under way is not gone on with", "err", err)
	}
	return l
}

// ask is something to be done on the loop's goroutine. done is closed when it has
// taken effect: when packet path, responder and the other nodes know of it.
type ask struct {
	do   func()
	done chan struct{}
}

// errEnded answers who asks a daemon that is going down.
var errEnded = &console.Error{
	Code: console.CodeUnavailable, Message: "the daemon is shutting down", Cure: "wait until it has come back",
}

// do runs f on the loop's goroutine and waits until it has taken effect. Any
// other goroutine may call it; it gives up with the context, while f has not begun,
// or with the loop: what has begun writes where the caller will read.
func (l *local) do(ctx context.Context, f func()) error {
	a := ask{do: f, done: make(chan struct{})}
	select {
	case l.asks <- a:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
		return errEnded
	}
	select {
	case <-a.done:
		return nil
	case <-l.ended:
		return errEnded
	}
}

// lasting is ctx for what is done whoever leaves: it ends with the loop.
func (l *local) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer end()
		select {
		case <-l.ended:
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// report passes on the failure of a part.
func (l *local) report(err error) {
	if err == nil {
		return
	}
	select {
	case l.failed <- err:
	default: // the daemon is going down already
	}
}

// due is when time alone may change something; zero for never.
func (l *local) due(now time.Time) (first time.Time) {
	for _, due := range []time.Time{l.life.due(now), l.app.closeBy, l.app.comeback.due(now)} {
		if due.After(now) {
			first = sooner(first, due)
		}
	}
	return first
}

// wakeUp has the loop settle when time alone may change something.
func (l *local) wakeUp(now time.Time) {
	if due := l.due(now); !due.IsZero() {
		l.alarm.Reset(due.Sub(now))
	}
}

// serve runs the loop and everything that asks it, until ctx is done or a part
// fails; when it returns, no traffic is let in any more, but where it is to be
// handed over.
func (l *local) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go control{l}.hungUp(ctx)
	managing := make(chan struct{})
	go func() { defer close(managing); l.manage(ctx) }()
	api := l.api.server(control{l})
	attended := l.front.attend(ctx)
	go func() { l.report(api.Serve(l.listener)) }()
	l.api.serve(ctx, api)

	defer l.supervise()()
	defer l.serveHealth()()
	defer l.events.notifying(l.cfg, l.handed.waiting())()
	err := l.front.run(ctx)
	if err != nil || !l.self.HandOver {
		l.front.leave()
	}
	switch {
	case err == nil && l.self.HandOver:
		l.left = l.front.handOver() // while checks and services can tell how they stand
	case err == nil:
		l.stopServices()
	}
	cancel()
	<-managing
	attended()
	// The others hear that this node leaves for as long as the API's clients are
	// told.
	l.dismiss(api)
	return err
}

// dismiss ends the API. Clients that do not let go are cut off, and keep the node from
// nothing that is to come, least of all from handing over.
func (l *local) dismiss(api *console.Server) {
	closing, done := context.WithTimeout(context.Background(), shutdownPatience)
	defer done()
	if err := api.Shutdown(closing); err != nil {
		l.log.Warn("the API's clients were cut off in the end", "err", err)
	}
}

// listenToHangup has SIGHUP ask for a reload instead of ending the process.
func (l *local) listenToHangup() { signal.Notify(l.hangup, syscall.SIGHUP) }

// listen opens the API's socket, or goes on with the one that clients wait in.
func (l *local) listen() (net.Listener, error) {
	if handed, err := l.handed.listener(); handed != nil || err != nil {
		return handed, err
	}
	return console.ListenUnix(l.cfg.API.Socket)
}

// openAPI opens what the daemon is asked by.
func (l *local) openAPI() (err error) {
	if l.listener, err = l.listen(); err != nil {
		return err
	}
	l.api, err = openAPI(l)
	return err
}

// closeAPI ends asking.
func (l *local) closeAPI() {
	if l.listener != nil {
		_ = l.listener.Close() // closed already if it was served
	}
	l.api.close()
}

// stop ends asking and membership.
func (l *local) stop() error {
	l.closeAPI()
	err := l.handed.close()
	if l.cluster == nil {
		return err
	}
	return errors.Join(err, l.cluster.Leave(shutdownPatience), l.cluster.Shutdown())
}
