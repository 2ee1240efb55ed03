package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/arp"
	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/flows"
	"thresher/health"
	"thresher/xsk"
)

// parts are what a running node is made of.
type parts struct {
	cfg       *config.Config
	log       *slog.Logger
	events    *events
	digest    uint64
	weights   *weights
	trials    *trials
	hangup    chan os.Signal // SIGHUP, which asks for a reload
	nic       netlink.Link
	machine   *machine
	datapath  *datapath
	watchdog  *watchdog
	responder *neighbours
	conflicts conflicts // with other machines, over VIPs
	cluster   *cluster.Cluster
	flows     *flows.Table
	listener  net.Listener // of the API's unix socket
	api       *api

	confirmation *confirmation
	failed       chan error // a part that the node cannot serve without gave up

	self   Self
	former []config.VIP // whose modes have changed, as they were
	handed *handed      // by the process before this one; nil if there was none
	left   *handed      // for the process after this one; nil if there will be none
	hooks  *xsk.Hooks   // where an earlier run's program was found; nil if nowhere
	// frail says that connections of an earlier run live on what was found, so that
	// a start that fails must leave it as a crash would.
	frail bool
}

// shutdownPatience is how long the other nodes and the API's clients get to
// hear that this node goes.
const shutdownPatience = 2 * time.Second

// Run is the daemon: it serves until ctx is done, and leaves the machine as it
// found it, or as it is where self says so.
func Run(ctx context.Context, cfg *config.Config, log *slog.Logger, self Self) error {
	p := &parts{
		cfg: cfg, log: log, digest: cfg.RulesDigest(), self: self,
		events: &events{ring: console.NewLog(0), log: log},
		failed: make(chan error, 4), hangup: make(chan os.Signal, 1),
		weights: newWeights(cfg.Node, cfg.Rules),
	}
	var err error
	if p.trials, err = openTrials(self.File); err != nil {
		log.Warn("a trial that was under way is not gone on with", "err", err)
	}
	p.listenToHangup()
	defer signal.Stop(p.hangup)
	if err := p.start(); err != nil {
		if p.frail {
			return errors.Join(err, p.abandon())
		}
		return errors.Join(err, p.stop())
	}
	// Reading the kernel's types and compiling rules leaves tens of megabytes that
	// a daemon at rest would keep for long.
	go debug.FreeOSMemory()
	l := newLoop(p)
	err = p.serve(ctx, l)
	if err == nil && self.HandOver {
		if err = p.leaveBehind(); err == nil {
			return nil // the process ends: the kernel closes all at once, and the others wait
		}
		p.log.Error("nothing is handed over: this node leaves the farm", "err", err)
		l.leave()
	}
	return errors.Join(err, p.stop())
}

// listenToHangup has SIGHUP ask for a reload instead of ending the process.
func (p *parts) listenToHangup() { signal.Notify(p.hangup, syscall.SIGHUP) }

// start goes from the machine up. The packet path and the heartbeats come first,
// since the others may be waiting for them.
func (p *parts) start() (err error) {
	if p.handed, err = inherit(p.cfg, p.log); err != nil {
		return err
	}
	facts, err := p.inspect()
	if err != nil {
		return err
	}
	if p.nic, err = netlink.LinkByName(p.cfg.Interface); err != nil {
		return fmt.Errorf("find interface %s: %w", p.cfg.Interface, err)
	}
	if err := p.takeMachine(); err != nil {
		return err
	}
	if p.datapath, err = loadDatapath(p.cfg, p.former, p.nic, p.machine.way, facts, p.handed.prepared(), p.log); err != nil {
		return err
	}
	if p.confirmation, err = openConfirmation(p, p.handed); err != nil {
		return err
	}
	if err := p.datapath.enter(p.cfg, p.hooks, facts, p.log); err != nil {
		return err
	}
	if err := p.confirmation.begin(p.report); err != nil {
		return err
	}
	p.handed.resume(p)
	if p.cluster, err = p.startCluster(); err != nil {
		return err
	}
	if p.responder, err = p.openResponder(); err != nil {
		return err
	}
	if p.watchdog, err = openWatchdog(p); err != nil {
		return err
	}
	if p.flows, err = flows.Open(addresses(p.cfg.VIPs), p.cfg.Forwarded()...); err != nil {
		return err
	}
	p.confirmation.connect(p.cluster)
	// Last, since a queue that the process before this one has read stays bound
	// for a while.
	if err := p.datapath.open(p.nic); err != nil {
		return err
	}
	if p.listener, err = p.listen(); err != nil {
		return err
	}
	if p.api, err = openAPI(p); err != nil {
		return err
	}
	p.frail = false
	return nil
}

// takeMachine makes the changes to the machine, or goes on with those that an
// earlier run has left.
func (p *parts) takeMachine() (err error) {
	if p.machine, err = takeOver(p.cfg.RunDir, p.cfg.Node, p.handed.lock()); err != nil {
		return err
	}
	p.machine.filters = p.handed.filters()
	p.machine.journal.OnRestore(p.events.restored)
	if p.handed == nil {
		p.handed = pickUp(p.cfg, p.log)
	}
	if p.handed != nil && p.handed.Digest != p.digest {
		p.log.Warn("this node's part in the farm begins anew: its rules have changed")
		p.handed.Confirm = nil
	}
	p.former = formerOf(p.handed, p.cfg.VIPs)
	if p.hooks, err = findHooks(p.cfg, p.nic, p.handed); err != nil {
		return err
	}
	p.handed.resumeWeights(p.weights)
	p.frail = p.hooks != nil
	if err := p.machine.keep(p.everyWay(), p.nic, p.log); err != nil {
		return err
	}
	return p.machine.prepare(p.everyWay(), p.nic)
}

// listen opens the API's socket, or goes on with the one that clients wait in.
func (p *parts) listen() (net.Listener, error) {
	if p.handed != nil && p.handed.Descriptors.API != 0 {
		return console.AdoptUnix(p.handed.Descriptors.API)
	}
	return console.ListenUnix(p.cfg.API.Socket)
}

// inspect refuses a machine that the node cannot run on, and says what could be
// better.
func (p *parts) inspect() (health.Facts, error) {
	facts, err := health.Inspect(p.cfg.Interface)
	if err != nil {
		return facts, err
	}
	errs := []error{sameClock()}
	findings := append(facts.Findings(p.cfg.Datapath.XDP), health.OwnAddresses(p.cfg.Cluster.Binds())...)
	findings = append(findings, facts.Addresses(p.cfg.VIPs)...)
	for _, f := range append(findings, ForwardFindings(p.cfg)...) {
		switch f.Level {
		case health.LevelError:
			errs = append(errs, errors.New(f.What+"; "+f.Cure))
		case health.LevelWarn:
			p.log.Warn(f.What, "cure", f.Cure)
		}
	}
	return facts, errors.Join(errs...)
}

func (p *parts) openResponder() (*neighbours, error) {
	return openNeighbours(p.ifi(), p.cfg.VIPs, arp.Options{Conflict: p.claimed})
}

// ifi is the interface as package net has it.
func (p *parts) ifi() *net.Interface {
	a := p.nic.Attrs()
	return &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr, Flags: a.Flags}
}

func (p *parts) startCluster() (*cluster.Cluster, error) {
	if n := p.cfg.Cluster.Nodes(); n > 1 {
		usual, worst := confirmParams(p.cfg, n).Takeover()
		_, gossip := cluster.DetectionTime(p.cfg.Cluster.Profile, n)
		p.log.Info("a lost node's clients will be served by the others", "usually_within", usual, "at_worst", worst,
			"gossip_notices_within", gossip, "nodes", n, "profile", p.cfg.Cluster.Profile)
	}
	return cluster.Start(cluster.Config{
		Name:        p.cfg.Node,
		Bind:        p.cfg.Cluster.Bind,
		Further:     p.cfg.Cluster.Further,
		Join:        slices.Concat(p.cfg.Cluster.Join...),
		Key:         gossipKey(p.cfg),
		Also:        alsoKeys(p.cfg),
		Profile:     p.cfg.Cluster.Profile,
		JoinTimeout: p.cfg.Cluster.JoinTimeout,
		Meta:        p.meta(p.handed.phase()),
		Logger:      p.log,
	})
}

func gossipKey(cfg *config.Config) []byte {
	if cfg.Cluster.Insecure {
		return nil
	}
	return cfg.Cluster.Keys.Gossip[:]
}

// alsoKeys are those that gossip is believed under besides.
func alsoKeys(cfg *config.Config) (also [][]byte) {
	for _, key := range cfg.Cluster.Keys.Accepted()[1:] {
		also = append(also, key[:])
	}
	return also
}

// meta is what this node gossips about itself.
func (p *parts) meta(phase cluster.Phase) cluster.Meta {
	return cluster.Meta{
		Phase: phase, MAC: config.MAC(p.nic.Attrs().HardwareAddr), Digest: p.digest, Gossip: p.cfg.Cluster.Bind,
		Weights: p.weights.wire(),
	}
}

// serve runs the loop and everything that asks it, until ctx is done or a part
// fails; when it returns, no traffic is let in any more, but where it is to be
// handed over.
func (p *parts) serve(ctx context.Context, l *loop) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go control{l}.hungUp(ctx)
	managing := make(chan struct{})
	go func() { defer close(managing); p.manage(ctx, l) }()
	api := p.api.server(control{l})
	answering := make(chan struct{})
	go func() { defer close(answering); p.report(p.responder.Serve(ctx)) }()
	go func() { p.report(api.Serve(p.listener)) }()
	p.api.serve(ctx, api)

	defer l.supervise()()
	defer l.serveHealth()()
	defer p.events.notifying(p.cfg)()
	err := l.run(ctx)
	if err != nil || !p.self.HandOver {
		l.leave()
	}
	switch {
	case err == nil && p.self.HandOver:
		p.left = l.handOver() // while checks and services can tell how they stand
	case err == nil:
		l.stopServices()
	}
	cancel()
	<-managing
	<-answering
	// The others hear that this node leaves for as long as the API's clients are
	// told.
	closing, done := context.WithTimeout(context.Background(), shutdownPatience)
	defer done()
	return errors.Join(err, api.Shutdown(closing))
}

// report passes on the failure of a part.
func (p *parts) report(err error) {
	if err == nil {
		return
	}
	select {
	case p.failed <- err:
	default: // the daemon is going down already
	}
}

// abandon lets this process go without the machine and the farm, as a crash
// would.
func (p *parts) abandon() error {
	var errs []error
	if p.cluster != nil {
		errs = append(errs, p.cluster.Shutdown())
	}
	if p.confirmation != nil {
		errs = append(errs, p.confirmation.close())
	}
	if p.responder != nil {
		errs = append(errs, p.responder.Close())
	}
	if p.watchdog != nil {
		errs = append(errs, p.watchdog.conn.Close())
	}
	if p.datapath != nil {
		errs = append(errs, p.datapath.abandon())
	}
	if p.machine != nil {
		errs = append(errs, p.machine.abandon())
	}
	return errors.Join(errs...)
}

// stop goes from the other nodes down to the machine.
func (p *parts) stop() error {
	var errs []error
	if p.listener != nil {
		_ = p.listener.Close() // closed already if it was served
	}
	p.api.close()
	if p.cluster != nil {
		errs = append(errs, p.cluster.Leave(shutdownPatience), p.cluster.Shutdown())
	}
	if p.confirmation != nil {
		errs = append(errs, p.confirmation.close())
	}
	if p.flows != nil {
		errs = append(errs, p.flows.Close())
	}
	if p.responder != nil {
		errs = append(errs, p.responder.Close())
	}
	if p.watchdog != nil {
		errs = append(errs, p.watchdog.conn.Close())
	}
	if p.datapath != nil {
		errs = append(errs, p.datapath.close())
	}
	if p.machine != nil {
		errs = append(errs, p.machine.release())
	}
	return errors.Join(errs...)
}
