package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"runtime/debug"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/arp"
	"thresher/cluster"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/confirmation"
	"thresher/farm/findings"
	"thresher/farm/flows"
	"thresher/health"
	"thresher/xsk"
)

// parts are what a running node with VIPs is made of.
type parts struct {
	*local
	nic       netlink.Link
	machine   *machine
	datapath  *datapath
	watchdog  *watchdog
	responder *neighbours
	conflicts conflicts // with other machines, over VIPs
	flows     *flows.Table

	confirmation *confirmation.Confirmation

	former []config.VIP // whose modes have changed, as they were
	hooks  *xsk.Hooks   // where an earlier run's program was found; nil if nowhere
	// frail says that connections of an earlier run live on what was found, so that
	// a start that fails must leave it as a crash would.
	frail bool
}

// restingGC is how much garbage there may be, in percent of what is in use, before it is
// collected. A daemon makes little of it, so that half of Go's default costs a collection
// or two a minute, and saves the memory that would lie there in between.
const restingGC = 50

// shutdownPatience is how long the other nodes and the API's clients get to
// hear that this node goes.
const shutdownPatience = 2 * time.Second

// Run is the daemon: it serves until ctx is done, and leaves the machine as it
// found it, or as it is where self says so.
func Run(ctx context.Context, cfg *config.Config, log *slog.Logger, self Self) error {
	l := newLocal(cfg, log, self)
	l.listenToHangup()
	defer signal.Stop(l.hangup)
	if len(cfg.VIPs) == 0 {
		return runBackend(ctx, l)
	}
	return runFarm(ctx, l)
}

// runFarm is Run of a node with VIPs.
func runFarm(ctx context.Context, local *local) error {
	p := &parts{local: local}
	// After a restart the others wait for this: what it leaves is collected behind it.
	debug.SetGCPercent(-1)
	err := p.start()
	debug.SetGCPercent(restingGC)
	if err != nil {
		if p.frail {
			return errors.Join(err, p.abandon())
		}
		return errors.Join(err, p.stop())
	}
	// Reading the kernel's types and compiling rules leaves tens of megabytes that
	// a daemon at rest would keep for long.
	go debug.FreeOSMemory()
	l := newLoop(p)
	err = l.serve(ctx)
	if err == nil && p.self.HandOver {
		if err = p.leaveBehind(); err == nil {
			return nil // the process ends: the kernel closes all at once, and the others wait
		}
		l.quit(err, newApplication(p.cfg, p.events, p.confirmation.Params().Lease))
	}
	return errors.Join(err, p.stop())
}

// start goes from the machine up. The packet path and the heartbeats come first,
// since the others may be waiting for them.
func (p *parts) start() (err error) {
	if p.handed, err = p.inherit(); err != nil {
		return err
	}
	facts, err := p.inspect()
	if err != nil {
		return err
	}
	if p.nic, err = netlink.LinkByName(p.cfg.Interface); err != nil {
		return fmt.Errorf("find interface %s: %w", p.cfg.Interface, err)
	}
	p.mac = config.MAC(p.nic.Attrs().HardwareAddr)
	if err := p.takeMachine(); err != nil {
		return err
	}
	if p.datapath, err = loadDatapath(p.cfg, p.former, p.nic, p.machine.way, facts, p.handed, p.log); err != nil {
		return err
	}
	if err := p.openConfirmation(); err != nil {
		return err
	}
	if err := p.datapath.enter(p.cfg, p.hooks, facts, p.log); err != nil {
		return err
	}
	if err := p.confirmation.Begin(p.report); err != nil {
		return err
	}
	p.handed.resume(p.local)
	if err := p.startCluster(); err != nil {
		return err
	}
	if p.responder, err = p.openResponder(); err != nil {
		return err
	}
	if p.watchdog, err = openWatchdog(p); err != nil {
		return err
	}
	if p.flows, err = flows.Open(p.cfg.Addresses(), p.cfg.Forwarded()...); err != nil {
		return err
	}
	p.confirmation.Connect(p.cluster)
	if err := p.openAPI(); err != nil {
		return err
	}
	// Last, since a queue that the process before this one has read stays bound
	// for a while, and one that this process has opened for as long as it lives: a
	// start that fails later could not be followed by another (FallBack).
	if err := p.datapath.open(p.nic); err != nil {
		return err
	}
	if err := p.machine.ownDirected(p.everyWay()); err != nil {
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
		p.handed = pickUp(p.cfg, confirmation.ParamsFor(p.cfg, 1).Lease, p.log)
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
	if err := p.machine.shutFilters(p.everyWay().VIPs); err != nil {
		return err
	}
	if err := p.machine.keep(p.everyWay(), p.nic, p.log); err != nil {
		return err
	}
	return p.machine.prepare(p.everyWay(), p.nic)
}

// inspect refuses a machine that the node cannot run on, and says what could be
// better.
func (p *parts) inspect() (health.Facts, error) {
	facts, err := health.Inspect(p.cfg.Interface)
	if err != nil {
		return facts, err
	}
	network, err := findings.NetworkBefore(p.cfg, facts)
	errs := []error{clock.SameAsKernel(), err}
	found := slices.Concat(facts.Findings(p.cfg.Datapath.XDP), health.OwnAddresses(p.cfg.Cluster.Binds()), network, findings.Forward(p.cfg), findings.Pin(p.cfg))
	for _, f := range found {
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
	return openNeighbours(p.ifi(), p.cfg.VIPs, arp.Options{Conflict: p.claimed, Claimed: p.sighted})
}

// ifi is the interface as package net has it.
func (p *parts) ifi() *net.Interface {
	a := p.nic.Attrs()
	return &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr, Flags: a.Flags}
}

func (p *parts) startCluster() error {
	if n := p.cfg.Cluster.Nodes(); n > 1 {
		usual, worst := confirmation.ParamsFor(p.cfg, n).Takeover()
		_, gossip := cluster.DetectionTime(p.cfg.Cluster.Profile, p.cfg.Cluster.Eviction, n)
		p.log.Info("a lost node's clients will be served by the others", "usually_within", usual, "at_worst", worst,
			"gossip_notices_within", gossip, "nodes", n, "profile", p.cfg.Cluster.Profile)
	}
	return p.joinCluster()
}

// abandon lets this process go without the machine and the farm, as a crash
// would.
func (p *parts) abandon() error {
	p.closeAPI()
	errs := []error{p.handed.close()}
	if p.cluster != nil {
		errs = append(errs, p.cluster.Shutdown())
	}
	if p.confirmation != nil {
		errs = append(errs, p.confirmation.Close())
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
		errs = append(errs, p.datapath.abandon())
	}
	errs = append(errs, p.hooks.Close()) // where no program has taken the place of the one there
	if p.machine != nil {
		errs = append(errs, p.machine.abandon())
	}
	return errors.Join(errs...)
}

// stop goes from the other nodes down to the machine.
func (p *parts) stop() error {
	errs := []error{p.local.stop()}
	if p.confirmation != nil {
		errs = append(errs, p.confirmation.Close())
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
	if p.machine != nil {
		errs = append(errs, p.machine.disown())
	}
	if p.datapath != nil {
		errs = append(errs, p.datapath.close())
	}
	if p.machine != nil {
		errs = append(errs, p.machine.release())
	}
	return errors.Join(errs...)
}
