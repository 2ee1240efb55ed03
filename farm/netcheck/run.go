package netcheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"thresher/config"
	"thresher/farm/host"
	"thresher/farm/wire"
	"thresher/health"
)

// DefaultFor is how long a check takes: long enough for a switch to learn what it
// should not have, and for a limit to bite.
const DefaultFor = 10 * time.Second

// Shortest is how long a check must take at least.
const Shortest = 5 * time.Second

// after is how long the others' reports are waited for when the last probe was
// sent.
const after = 2 * wire.Interval

// Run checks the network for so long, or until ctx is done, which is an error. It
// needs root or CAP_NET_RAW, and changes nothing that outlives it.
func Run(ctx context.Context, cfg *config.Config, facts health.Facts, d time.Duration) (Result, error) {
	ifi, err := net.InterfaceByName(cfg.Interface)
	if err != nil {
		return Result{}, fmt.Errorf("netcheck: find interface %s: %w", cfg.Interface, err)
	}
	c := &check{cfg: cfg}
	defer c.close()
	if err := c.open(ifi); err != nil {
		return Result{}, fmt.Errorf("netcheck: %w", err)
	}
	if err := c.run(ctx, d); err != nil {
		return Result{}, fmt.Errorf("netcheck: %w", err)
	}
	return c.survey.judge(facts.Driver), nil
}

// check is one that runs.
type check struct {
	cfg     *config.Config
	conn    *wire.Conn
	watch   *wire.Watch
	survey  *survey
	arp     *arpConn
	filters []interface{ Close() error }
}

func (c *check) open(ifi *net.Interface) (err error) {
	if err := c.accept(ifi.Index); err != nil {
		return err
	}
	if c.conn, err = wire.Open(ifi, wire.Options{Bare: true}, c.cfg.Cluster.SealKeys()...); err != nil {
		return err
	}
	if c.arp, err = openARP(ifi); err != nil {
		return err
	}
	self := wire.ID(rand.Uint64())
	c.survey = newSurvey(c.cfg, self)
	c.watch = wire.NewWatch(wire.Report{
		From: self, Name: c.cfg.Node, Digest: c.survey.digest, Address: c.cfg.Cluster.Bind.Addr(), Asks: true,
	}, len(c.cfg.VIPs))
	return nil
}

// accept has the interface take frames for the VIPs as the daemon would, until
// close.
func (c *check) accept(ifindex int) error {
	for _, v := range c.cfg.VIPs {
		if v.Mode == config.Directed {
			continue
		}
		filter, err := host.OpenMACFilter(ifindex, v.MAC)
		if err != nil {
			return err
		}
		c.filters = append(c.filters, filter)
		for _, group := range config.GroupsOf(v) {
			member, err := host.JoinGroup(ifindex, group)
			if err != nil {
				return err
			}
			c.filters = append(c.filters, member)
		}
	}
	return nil
}

func (c *check) close() {
	for _, f := range c.filters {
		_ = f.Close() // The process's end does the same.
	}
	if c.conn != nil {
		_ = c.conn.Close()
	}
	if c.arp != nil {
		_ = c.arp.close()
	}
}

// run sends for so long, and then waits for what the others have seen.
func (c *check) run(ctx context.Context, d time.Duration) error {
	tick := time.NewTicker(wire.Interval)
	defer tick.Stop()
	last := time.Now().Add(d)
	for now := time.Now(); ; {
		if now.After(last.Add(after)) {
			return nil
		}
		if err := c.step(now, now.Before(last)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted before there was a result")
		case now = <-tick.C:
		}
	}
}

// step takes in what has come, and says what is to be said.
func (c *check) step(now time.Time, probe bool) error {
	numbers := make([]uint8, 0, len(c.cfg.VIPs))
	c.conn.Receive(func(p wire.Probe) {
		c.survey.probed(p)
		for i, v := range c.cfg.VIPs {
			if v.Address == p.VIP {
				c.watch.Seen(uint8(i), p)
			}
		}
	}, func(r wire.Report, from config.MAC) {
		c.survey.heard(r, from)
		c.watch.Heard(now, r)
	})
	if err := c.arp.receive(c.answered); err != nil {
		return err
	}
	for i, v := range c.cfg.VIPs {
		if probe && v.Mode != config.Directed {
			numbers = append(numbers, uint8(i))
		}
	}
	probes, report := c.watch.Tick(now, numbers)
	var errs []error
	for _, p := range probes {
		vip := c.cfg.VIPs[p.VIP]
		c.survey.sent[p.VIP] = p.Seq
		errs = append(errs, c.conn.Probe(vip, wire.Probe{From: report.From, VIP: vip.Address, Seq: p.Seq}))
		if vip.Address.Is4() {
			c.survey.claims[p.VIP].asked()
			errs = append(errs, c.arp.ask(vip.Address))
		}
	}
	if probe {
		errs = append(errs, c.askDirected())
	}
	return errors.Join(append(errs, c.conn.Report(report))...)
}

// askDirected asks who has the VIPs in mode directed, which have no frames that every
// node must get.
func (c *check) askDirected() error {
	var errs []error
	for i, v := range c.cfg.VIPs {
		if v.Mode == config.Directed && v.Address.Is4() {
			c.survey.claims[i].asked()
			errs = append(errs, c.arp.ask(v.Address))
		}
	}
	return errors.Join(errs...)
}

// answered takes in an answer for any address.
func (c *check) answered(one answer) {
	for i, v := range c.cfg.VIPs {
		if v.Address == one.address {
			c.survey.claims[i].answered(one.claim)
		}
	}
}
