package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/health"
	"thresher/pipeline"
	"thresher/xsk"
)

// datapath carries VIP packets from the interface to the stack and judges them
// by the table of the moment.
type datapath struct {
	rules   *pipeline.Rules
	table   atomic.Pointer[pipeline.Table]
	mode    config.XDPMode
	stack   *xsk.Stack
	program *xsk.Program
	queues  []*queue
	wanted  int // how many queues to open at first

	ctx     context.Context // of the queues' goroutines
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error // the first queue that gave up
}

// queue is one queue with what it counts.
type queue struct {
	*xsk.Queue
	counters pipeline.Counters
	reasons  [xsk.BatchSize]pipeline.Reason
}

// loadDatapath makes the way to the stack and loads the program. No packet is
// judged by it before enter, and none reaches a queue before open.
func loadDatapath(cfg *config.Config, nic netlink.Link, facts health.Facts) (*datapath, error) {
	rules, err := pipeline.Compile(cfg.VIPs, cfg.Rules, pipeline.HashKey(cfg.Cluster.Keys.Hash), facts.MAC)
	if err != nil {
		return nil, err
	}
	d := &datapath{rules: rules, failed: make(chan error, 1)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.table.Store(pipeline.NewTable(rules, nil))
	d.wanted = facts.Queues
	if cfg.Datapath.Queues != 0 {
		d.wanted = cfg.Datapath.Queues
	}
	if d.stack, err = xsk.OpenStack(nic, max(d.wanted, nic.Attrs().NumRxQueues)); err != nil {
		return d, err
	}
	d.program, err = xsk.LoadProgram(kernelRules(d.rules, cfg.Datapath.Offload))
	return d, err
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
	return pin(d.program.Hooks(), cfg, log)
}

// open opens the queues, so that what a packet needs is there before the packet
// can come: the program is armed, and asks, last.
func (d *datapath) open(nic netlink.Link) error {
	if err := d.grow(nic, d.wanted); err != nil {
		return err
	}
	return errors.Join(d.program.SetHandOver(false), d.program.Arm())
}

func attach(p *xsk.Program, mode config.XDPMode, facts health.Facts, log *slog.Logger) (config.XDPMode, error) {
	ifi := &net.Interface{Index: facts.Index, Name: facts.Interface}
	return p.Attach(ifi, facts.Driver, mode, func(err error) {
		log.Warn("native XDP is not to be had on this interface: the generic mode is used, which costs more per packet",
			"interface", ifi.Name, "mtu", facts.MTU, "why", err)
	})
}

// grow opens queues until there are so many, and lets each carry packets at once.
func (d *datapath) grow(nic netlink.Link, queues int) error {
	a := nic.Attrs()
	for i := len(d.queues); i < queues; i++ {
		q, err := xsk.OpenQueue(xsk.QueueOptions{
			Interface: a.Index, Stack: d.stack.In, Queue: i, Memory: xsk.MemoryFor(a.MTU),
		})
		if err != nil {
			return err
		}
		one := &queue{Queue: q}
		d.queues = append(d.queues, one)
		d.running.Go(func() { d.carry(one) })
		if err := d.program.Register(q); err != nil {
			return err
		}
	}
	return nil
}

// carry runs one queue until the packet path is closed.
func (d *datapath) carry(q *queue) {
	err := q.Run(d.ctx, func(frames [][]byte, pass []bool) { q.handle(d.table.Load(), frames, pass) })
	if err == nil {
		return
	}
	select {
	case d.failed <- err:
	default: // one is enough to stop the daemon
	}
}

// handle judges one batch by one table.
func (q *queue) handle(t *pipeline.Table, frames [][]byte, pass []bool) {
	reasons := q.reasons[:len(frames)]
	t.JudgeBatch(frames, reasons)
	for i, r := range reasons {
		if r.Verdict() == pipeline.Accept {
			t.Deliver(frames[i])
			pass[i] = true
		}
	}
	q.counters.Add(reasons)
}

// apply makes the kernel program and every queue judge by a share from the next
// packet on; nil serves nothing. On an error nothing is served.
func (d *datapath) apply(s *pipeline.Share) error {
	table := pipeline.NewTable(d.rules, s)
	d.table.Store(table)
	if err := d.program.SetShare(kernelShare(table)); err != nil {
		d.table.Store(pipeline.NewTable(d.rules, nil))
		return errors.Join(err, d.program.SetShare(nil))
	}
	return nil
}

// counts is what became of VIP packets so far, by reason, in the kernel program
// and in the pipeline together; asked is how many of them the pipeline had.
func (d *datapath) counts() (sum [pipeline.ReasonLen]uint64, asked uint64, err error) {
	for _, q := range d.queues {
		q.counters.AddTo(&sum)
	}
	for _, n := range sum {
		asked += n
	}
	err = d.program.AddCounters(sum[:])
	return sum, asked, err
}

// stats are the sockets' counters, all queues together.
func (d *datapath) stats() (sum xsk.Stats) {
	for _, q := range d.queues {
		sum.Add(q.Stats())
	}
	return sum
}

// zeroCopy tells whether every queue receives without a copy.
func (d *datapath) zeroCopy() bool {
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
	}
	return errors.Join(errs...)
}

// lease is until when the node may let flows in, on CLOCK_BOOTTIME.
func (d *datapath) lease(deadline int64) error { return nil }
