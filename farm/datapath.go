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

// openDatapath builds the packet path for cfg on the interface, which has so many
// receive queues, and lets packets in; all of them are dropped as not served
// until apply.
func openDatapath(cfg *config.Config, nic netlink.Link, queues int, log *slog.Logger) (*datapath, error) {
	mac := config.MAC(nic.Attrs().HardwareAddr)
	rules, err := pipeline.Compile(cfg.VIPs, cfg.Rules, pipeline.HashKey(cfg.Cluster.Keys.Hash), mac)
	if err != nil {
		return nil, err
	}
	d := &datapath{rules: rules, failed: make(chan error, 1)}
	d.apply(nil)
	if err := d.open(cfg, nic, mac, queues, log); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// open goes from the stack to the wire, so that what a packet needs is there
// before the packet can come: the VIPs are made known last.
func (d *datapath) open(cfg *config.Config, nic netlink.Link, mac config.MAC, queues int, log *slog.Logger) (err error) {
	if cfg.Datapath.Queues != 0 {
		queues = cfg.Datapath.Queues
	}
	if d.stack, err = xsk.OpenStack(nic, queues); err != nil {
		return err
	}
	if d.program, err = xsk.LoadProgram(mac); err != nil {
		return err
	}
	if err := d.attach(cfg.Datapath.XDP, nic, log); err != nil {
		return err
	}
	if err := d.openQueues(nic, queues); err != nil {
		return err
	}
	d.run()
	return d.program.SetVIPs(cfg.VIPs)
}

func (d *datapath) attach(mode config.XDPMode, nic netlink.Link, log *slog.Logger) (err error) {
	a := nic.Attrs()
	ifi := &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}
	d.mode, err = d.program.Attach(ifi, mode, func(err error) {
		log.Warn("native XDP is not to be had on this interface: the generic mode is used, which costs more per packet",
			"interface", a.Name, "mtu", a.MTU, "why", err)
	})
	return err
}

func (d *datapath) openQueues(nic netlink.Link, queues int) error {
	a := nic.Attrs()
	for i := range queues {
		q, err := xsk.OpenQueue(xsk.QueueOptions{
			Interface: a.Index, Stack: d.stack.In, Queue: i, Memory: xsk.MemoryFor(a.MTU),
		})
		if err != nil {
			return err
		}
		d.queues = append(d.queues, &queue{Queue: q})
		if err := d.program.Register(q); err != nil {
			return err
		}
	}
	return nil
}

func (d *datapath) run() {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	for _, q := range d.queues {
		d.running.Go(func() {
			err := q.Run(ctx, func(frames [][]byte, pass []bool) { q.handle(d.table.Load(), frames, pass) })
			if err == nil {
				return
			}
			select {
			case d.failed <- err:
			default: // one is enough to stop the daemon
			}
		})
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

// apply makes every queue judge by a share from its next batch on; nil serves
// nothing.
func (d *datapath) apply(s *pipeline.Share) { d.table.Store(pipeline.NewTable(d.rules, s)) }

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
	if d.stop != nil {
		d.stop()
		d.running.Wait()
	}
	for _, q := range d.queues {
		errs = append(errs, q.Close())
	}
	if d.stack != nil {
		errs = append(errs, d.stack.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the packet path: %w", err)
	}
	return nil
}
