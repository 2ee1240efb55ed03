package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/arp"
	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/flows"
	"thresher/health"
)

// parts are what a running node is made of.
type parts struct {
	cfg       *config.Config
	log       *slog.Logger
	events    *events
	digest    uint64
	nic       netlink.Link
	machine   *machine
	datapath  *datapath
	responder *arp.Responder
	cluster   *cluster.Cluster
	flows     *flows.Table

	confirmation *confirmation
	failed       chan error // a part that the node cannot serve without gave up
}

// shutdownPatience is how long the other nodes and the API's clients get to
// hear that this node goes.
const shutdownPatience = 2 * time.Second

// Run is the daemon: it serves until ctx is done, and leaves the machine as it
// found it.
func Run(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	p := &parts{
		cfg: cfg, log: log, digest: cfg.RulesDigest(),
		events: &events{ring: console.NewLog(0), log: log},
		failed: make(chan error, 4),
	}
	if err := p.start(); err != nil {
		return errors.Join(err, p.stop())
	}
	err := p.serve(ctx)
	return errors.Join(err, p.stop())
}

// start goes from the machine up; nothing is let in yet.
func (p *parts) start() (err error) {
	facts, err := p.inspect()
	if err != nil {
		return err
	}
	if p.nic, err = netlink.LinkByName(p.cfg.Interface); err != nil {
		return fmt.Errorf("find interface %s: %w", p.cfg.Interface, err)
	}
	if p.machine, err = takeOver(p.cfg, p.log); err != nil {
		return err
	}
	if err := p.machine.prepare(p.cfg, p.nic); err != nil {
		return err
	}
	if p.datapath, err = openDatapath(p.cfg, p.nic, facts, p.log); err != nil {
		return err
	}
	if p.responder, err = p.openResponder(); err != nil {
		return err
	}
	if p.flows, err = flows.Open(addresses(p.cfg.VIPs)); err != nil {
		return err
	}
	if p.cluster, err = p.startCluster(); err != nil {
		return err
	}
	p.confirmation, err = openConfirmation(p)
	return err
}

// inspect refuses a machine that the node cannot run on, and says what could be
// better.
func (p *parts) inspect() (health.Facts, error) {
	facts, err := health.Inspect(p.cfg.Interface)
	if err != nil {
		return facts, err
	}
	errs := []error{sameClock()}
	for _, f := range append(facts.Findings(p.cfg.Datapath.XDP), health.OwnAddress(p.cfg.Cluster.Bind.Addr())) {
		switch f.Level {
		case health.LevelError:
			errs = append(errs, errors.New(f.What+"; "+f.Cure))
		case health.LevelWarn:
			p.log.Warn(f.What, "cure", f.Cure)
		}
	}
	return facts, errors.Join(errs...)
}

func (p *parts) openResponder() (*arp.Responder, error) {
	a := p.nic.Attrs()
	ifi := &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr, Flags: a.Flags}
	return arp.Open(ifi, arp.Options{Conflict: p.events.conflict})
}

func (p *parts) startCluster() (*cluster.Cluster, error) {
	if n := p.configured(); n > 1 {
		usual, worst := confirmParams(p.cfg, n).Takeover()
		_, gossip := cluster.DetectionTime(p.cfg.Cluster.Profile, n)
		p.log.Info("a lost node's clients will be served by the others", "usually_within", usual, "at_worst", worst,
			"gossip_notices_within", gossip, "nodes", n, "profile", p.cfg.Cluster.Profile)
	}
	return cluster.Start(cluster.Config{
		Name:        p.cfg.Node,
		Bind:        p.cfg.Cluster.Bind,
		Join:        p.cfg.Cluster.Join,
		Key:         gossipKey(p.cfg),
		Profile:     p.cfg.Cluster.Profile,
		JoinTimeout: p.cfg.Cluster.JoinTimeout,
		Meta:        p.meta(cluster.Starting),
		Logger:      p.log,
	})
}

// configured is how many nodes the configuration names; this one need not be in
// the list of those to join.
func (p *parts) configured() int {
	n := len(p.cfg.Cluster.Join)
	if !slices.Contains(p.cfg.Cluster.Join, p.cfg.Cluster.Bind) {
		n++
	}
	return n
}

func gossipKey(cfg *config.Config) []byte {
	if cfg.Cluster.Insecure {
		return nil
	}
	return cfg.Cluster.Keys.Gossip[:]
}

// meta is what this node gossips about itself.
func (p *parts) meta(phase cluster.Phase) cluster.Meta {
	weights := make([]uint8, len(p.cfg.Rules))
	for i, r := range p.cfg.Rules {
		weights[i] = r.Weight
	}
	return cluster.Meta{
		Phase: phase, MAC: config.MAC(p.nic.Attrs().HardwareAddr), Digest: p.digest, Gossip: p.cfg.Cluster.Bind, Weights: weights,
	}
}

// serve runs the loop, the confirmation and everything that asks them, until ctx
// is done or a part fails; when it returns, no traffic is let in any more.
func (p *parts) serve(ctx context.Context) error {
	listener, err := console.ListenUnix(p.cfg.API.Socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLoop(p)
	api := console.NewServer(control{l}, p.events.ring, p.log)
	answering := make(chan struct{})
	go func() { defer close(answering); p.report(p.responder.Serve(ctx)) }()
	go func() { p.report(api.Serve(listener)) }()
	confirming, confirmed := context.WithCancel(context.Background())
	go func() { p.report(p.confirmation.run(confirming)) }()
	go p.confirmation.receive(confirming, p.cluster.Messages())
	go p.confirmation.compute(confirming)

	err = l.run(ctx)
	l.leave()
	cancel()
	<-answering
	// The others hear that this node leaves for as long as the API's clients are
	// told.
	defer func() { confirmed(); <-p.confirmation.ended }()
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

// stop goes from the other nodes down to the machine.
func (p *parts) stop() error {
	var errs []error
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
	if p.datapath != nil {
		errs = append(errs, p.datapath.close())
	}
	if p.machine != nil {
		errs = append(errs, p.machine.release())
	}
	return errors.Join(errs...)
}
