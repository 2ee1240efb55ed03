package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"

	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/farm/confirmation"
	"thresher/health"
	"thresher/pipeline"
	"thresher/xsk"
)

// datapath carries VIP packets from the interface to the stack and judges them
// by the table of the moment.
type datapath struct {
	rules    *pipeline.Rules
	table    atomic.Pointer[pipeline.Table]
	deadline atomic.Int64 // of the lease, in ns of CLOCK_BOOTTIME
	granted  atomic.Int64 // until when clients are kept in others' buckets, the same way
	asking   chan pipeline.Opening
	// leftovers are the SYNs that were kept for nodes that get released buckets.
	leftovers chan pipeline.Leftover
	// fragments are what all queues know of datagrams in parts.
	fragments  *pipeline.Fragments
	tap        tap
	mode       config.XDPMode
	note       string // what there is to say of it
	stack      *xsk.Stack
	program    *xsk.Program
	queues     []*queue
	opened     atomic.Pointer[[]*queue] // the same, for other goroutines
	registered int                      // how many of them packets can come to
	taken      bool                     // somebody else has the queue after the last
	wanted     int                      // how many queues to open at first
	zeroCopy   config.ZeroCopy
	driver     string // the interface's

	ctx     context.Context // of the queues' goroutines
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error // the first queue that gave up
}

var _ confirmation.PacketPath = (*datapath)(nil)

// loadDatapath makes the way to the stack and loads the program. No packet is
// judged by it before enter, and none reaches a queue before open.
func loadDatapath(cfg *config.Config, former []config.VIP, nic netlink.Link, pair xsk.Pair, facts health.Facts, h *handed, log *slog.Logger) (*datapath, error) {
	rules, err := compile(cfg, facts)
	if err != nil {
		return nil, err
	}
	if len(former) > 0 {
		rules = rules.WithFormer(cfg.VIPs, former)
	}
	d := &datapath{
		rules: rules, failed: make(chan error, 1), fragments: pipeline.NewFragments(),
		asking: make(chan pipeline.Opening, pipeline.LotSlots), leftovers: make(chan pipeline.Leftover, pipeline.LotSlots),
	}
	d.fragments.Left = d.tap.one
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.table.Store(pipeline.NewTable(rules, nil))
	d.wanted, d.driver = facts.Queues, facts.Driver
	d.zeroCopy = zeroCopyFor(cfg.Datapath, facts)
	if cfg.Datapath.Queues != 0 {
		d.wanted = cfg.Datapath.Queues
	}
	if d.stack, err = xsk.OpenStack(nic, max(d.wanted, nic.Attrs().NumRxQueues), pair); err != nil {
		return d, err
	}
	if d.program, err = program(kernelProgram(d.rules, cfg.Datapath, facts), h.prepared(), log); err != nil {
		return d, err
	}
	return d, d.stack.Fence(d.program)
}

// compile is the configuration as packets are judged by it.
func compile(cfg *config.Config, facts health.Facts) (*pipeline.Rules, error) {
	rules, err := pipeline.Compile(cfg.VIPs, cfg.Rules, cfg.Cluster.Keys.Hash, facts.MAC)
	if err != nil {
		return nil, err
	}
	return rules.WithDefault(cfg.Default), nil
}

// program is the kernel program: one that was prepared, if it is the one that is
// wanted, else a new one.
func program(rules *xsk.Rules, prepared *xsk.Prepared, log *slog.Logger) (*xsk.Program, error) {
	if prepared != nil {
		p, err := xsk.AdoptProgram(rules, *prepared)
		if err == nil {
			return p, nil
		}
		log.Warn("the kernel program that was prepared is not used", "why", err)
	}
	return xsk.LoadProgram(rules)
}

// enter puts the program onto the interface, with the share and the lease that
// it has by now: in the place of the one that is on the hooks, if there are any.
// There it decides alone until open. Elsewhere it touches nothing until open.
func (d *datapath) enter(cfg *config.Config, hooks *xsk.Hooks, facts health.Facts, log *slog.Logger) (err error) {
	if hooks == nil {
		if d.mode, err = attach(d.program, cfg.Datapath.XDP, facts, log); err != nil {
			return err
		}
	} else {
		d.mode = hooks.Mode
		if err := errors.Join(d.program.SetHandOver(true), d.program.Arm()); err != nil {
			return err
		}
		if err := d.program.TakeOver(hooks); err != nil {
			return err
		}
	}
	d.note = xdpNote(cfg.Datapath.XDP, d.mode, facts)
	return pin(d.program.Hooks(), cfg)
}

// open opens the queues, so that what a packet needs is there before the packet
// can come: the program is armed, and asks, last.
func (d *datapath) open(nic netlink.Link) error {
	if err := d.grow(nic, d.wanted, false); err != nil {
		return err
	}
	return errors.Join(d.program.SetHandOver(false), d.program.Arm())
}

func attach(p *xsk.Program, mode config.XDPMode, facts health.Facts, log *slog.Logger) (config.XDPMode, error) {
	ifi := &net.Interface{Index: facts.Index, Name: facts.Interface}
	got, err := p.Attach(ifi, facts.Driver, mode, func(err error) {
		log.Warn("native XDP is not to be had on this interface: the generic mode is used, which costs more per packet",
			"interface", ifi.Name, "mtu", facts.MTU, "why", err)
	})
	if err != nil && facts.InPieces(mode) {
		return got, fmt.Errorf("%w; the driver may take no MTU of %d: ip link set %s mtu %d, or set datapath.xdp to auto",
			err, facts.MTU, ifi.Name, facts.NativeMTU())
	}
	return got, err
}

// grow opens queues until there are so many, and lets each carry packets at once. With
// glance it does not wait for one that another socket has.
func (d *datapath) grow(nic netlink.Link, queues int, glance bool) error {
	for ; d.registered < queues; d.registered++ {
		if d.registered == len(d.queues) {
			if err := d.openNext(nic, glance); err != nil {
				return err
			}
		}
		if err := d.program.Register(d.queues[d.registered].Queue); err != nil {
			return err
		}
	}
	return nil
}

// openNext opens the next queue. One is never closed and opened again: what asavie/xdp
// leaves mapped keeps it bound (decision 0002).
func (d *datapath) openNext(nic netlink.Link, glance bool) error {
	a, i := nic.Attrs(), len(d.queues)
	if d.taken {
		// Each attempt to open what another program has would cost memory.
		if err := xsk.Probe(a.Index, i); err != nil {
			return err
		}
		d.taken = false
		return errJustFree
	}
	q, err := xsk.OpenQueue(xsk.QueueOptions{
		Interface: a.Index, Stack: d.stack.In, Queue: i, Memory: xsk.MemoryFor(a.MTU),
		ZeroCopy: d.zeroCopy, Driver: d.driver, Glance: glance,
	})
	if err != nil {
		d.taken = true
		return err
	}
	one := &queue{Queue: q, handler: newHandler(&d.table, &d.deadline, &d.granted, d.fragments)}
	one.lot.Asks, one.lot.Leftovers = d.asking, d.leftovers
	one.tap, one.lot.Left = &d.tap, d.tap.one
	if err := d.equip(one, a.Index); err != nil {
		return errors.Join(err, q.Close())
	}
	d.add(one)
	d.running.Go(func() { d.carry(one) })
	return nil
}

// errJustFree says that the next look will find a queue free.
var errJustFree = errors.New("another program has had a queue until now, which is opened at the next look")

// equip gives a queue what it hands packets on with, where some VIP is in mode
// directed.
func (d *datapath) equip(q *queue, nic int) error {
	if !slices.Contains(d.rules.Directed, true) {
		return nil
	}
	port, err := xsk.OpenPort(nic)
	if err != nil {
		return err
	}
	q.relay = &relay{port: port}
	return nil
}

// add adds a queue, also for other goroutines to see.
func (d *datapath) add(q *queue) {
	d.queues = append(d.queues, q)
	opened := slices.Clone(d.queues)
	d.opened.Store(&opened)
}

// carry runs one queue until the packet path is closed.
func (d *datapath) carry(q *queue) {
	err := q.Run(d.ctx, &q.handler)
	if err == nil {
		return
	}
	select {
	case d.failed <- err:
	default: // one is enough to stop the daemon
	}
}

// Apply makes the kernel program and every queue judge by a share from the next
// packet on; nil serves nothing. On an error nothing is served. Where the share
// takes something away, taken is called when no packet to come is judged by the
// old one, and Apply returns when no packet in the kernel program is either.
func (d *datapath) Apply(s *pipeline.Share, taken func()) error {
	old := d.table.Load()
	table := pipeline.NewTable(d.rules, s).WithHalfOpen(old.HalfOpen).WithClients(old.Clients)
	d.table.Store(table)
	err := d.program.SetShare(kernelShare(table))
	if err == nil && takes(old, table) {
		taken()
		err = d.program.Await()
	}
	if err != nil {
		d.table.Store(pipeline.NewTable(d.rules, nil))
		return errors.Join(err, d.program.SetShare(nil), d.program.Await())
	}
	return nil
}

// HalfOpen makes the handshakes those that other nodes have half done, whose SYNs
// are left to them.
func (d *datapath) HalfOpen(handshakes []handover.Tuple) error {
	flows := make([]xsk.Flow, len(handshakes))
	for i, h := range handshakes {
		flows[i] = xsk.Flow{Client: h.Client, VIP: h.Server}
	}
	set := pipeline.NewHalfOpen(len(handshakes), func(yield func(client, server netip.AddrPort) bool) {
		for _, h := range handshakes {
			if !yield(h.Client, h.Server) {
				return
			}
		}
	})
	d.table.Store(d.table.Load().WithHalfOpen(set))
	return d.program.SetHalfOpen(flows)
}

// Lease lets new flows in until deadline, in nanoseconds of CLOCK_BOOTTIME; 0
// fences the node. A queue may still be at a batch that it judges by the lease
// before: what opens a flow in it ends at the fence before the stack (xsk.Stack).
func (d *datapath) Lease(deadline int64) error {
	if deadline < d.deadline.Load() {
		defer d.deadline.Store(deadline) // the kernel first
	} else {
		d.deadline.Store(deadline)
	}
	return d.program.SetLease(deadline)
}

// Learnt tells the queues whose clients are that parked packets are of.
func (d *datapath) Learnt(c pipeline.Clients) { d.table.Store(d.table.Load().WithClients(c)) }

// Keep lets clients of this node's open flows in others' sticky buckets until a time,
// in nanoseconds of CLOCK_BOOTTIME. With wait, none is let in by the earlier time
// when it returns.
func (d *datapath) Keep(until int64, wait bool) error {
	if wait {
		d.granted.Store(until)
		return d.program.SetGrant(until, true)
	}
	defer d.granted.Store(until)
	return d.program.SetGrant(until, false)
}

// counts is what became of VIP packets so far, by reason, in the kernel program
// and in the pipeline together; asked is how many of them the pipeline had.
func (d *datapath) counts() (sum [pipeline.ReasonLen]uint64, asked uint64, err error) {
	sum, asked = d.asked()
	err = d.program.AddCounters(sum[:])
	return sum, asked, err
}

// asked is the pipeline's part of counts. A packet that was kept, or that
// others got copies of, counts in sum twice, as that and by what became of it, but was asked about once.
func (d *datapath) asked() (sum [pipeline.ReasonLen]uint64, asked uint64) {
	for _, q := range d.queues {
		q.counters.AddTo(&sum)
	}
	for _, n := range sum {
		asked += n
	}
	for _, q := range d.queues {
		q.lot.AddTo(&sum)
		if q.relay != nil {
			q.relay.counters.AddTo(&sum)
		}
	}
	d.fragments.AddTo(&sum)
	return sum, asked
}

// stats are the sockets' counters, all queues together.
func (d *datapath) stats() (sum xsk.Stats) {
	for _, q := range d.queues {
		sum.Add(q.Stats())
	}
	return sum
}

// handOnLost is how many packets for other nodes were not sent.
func (d *datapath) handOnLost() (lost uint64) {
	for _, q := range d.queues {
		if q.relay != nil {
			lost += q.relay.port.Lost()
		}
	}
	return lost
}

// copiesNothing tells whether every queue receives without a copy.
func (d *datapath) copiesNothing() bool {
	for _, q := range d.queues {
		if !q.ZeroCopy() {
			return false
		}
	}
	return len(d.queues) > 0
}

// close goes from the wire to the stack.
func (d *datapath) close() error {
	var errs []error
	if d.program != nil {
		errs = append(errs, d.program.Close())
	}
	errs = append(errs, d.closeQueues())
	if d.stack != nil {
		errs = append(errs, d.stack.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the packet path: %w", err)
	}
	return nil
}

// abandon ends reading, and leaves all that outlives this process in place.
func (d *datapath) abandon() error {
	errs := []error{d.closeQueues()}
	if d.program != nil {
		errs = append(errs, d.program.Abandon())
	}
	return errors.Join(errs...)
}

func (d *datapath) closeQueues() error {
	d.stop()
	d.running.Wait()
	var errs []error
	for _, q := range d.queues {
		errs = append(errs, q.Close())
		if q.relay != nil {
			errs = append(errs, q.relay.port.Close())
		}
	}
	return errors.Join(errs...)
}
