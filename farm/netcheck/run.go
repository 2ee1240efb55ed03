package netcheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"thresher/arp"
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
	four    *arp.Asker // nil where no VIP is of IPv4
	six     *arp.Asker
	filters []interface{ Close() error }
}

func (c *check) open(ifi *net.Interface) (err error) {
	if err := c.accept(ifi.Index); err != nil {
		return err
	}
	if c.conn, err = wire.Open(ifi, wire.Options{Bare: true}, c.cfg.Cluster.SealKeys()...); err != nil {
		return err
	}
	if err := c.openAskers(ifi); err != nil {
		return err
	}
	self := wire.ID(rand.Uint64())
	c.survey = newSurvey(c.cfg, self)
	c.watch = wire.NewWatch(wire.Report{
		From: self, Name: c.cfg.Node, Digest: c.survey.digest, Address: c.cfg.Cluster.Bind.Addr(), Asks: true,
	}, len(c.cfg.VIPs))
	return nil
}

// openAskers opens what the VIPs' families need.
func (c *check) openAskers(ifi *net.Interface) (err error) {
	for _, v := range c.cfg.VIPs {
		switch {
		case v.Address.Is6() && c.six == nil:
			c.six, err = arp.OpenAskerIPv6(ifi)
		case !v.Address.Is6() && c.four == nil:
			c.four, err = arp.OpenAsker(ifi)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askers are those that are open.
func (c *check) askers() (open []*arp.Asker) {
	for _, a := range []*arp.Asker{c.four, c.six} {
		if a != nil {
			open = append(open, a)
		}
	}
	return open
}

// accept has the interface take frames for the VIPs as the daemon would, until
// close.
func (c *check) accept(ifindex int) error {
	for _, v := range c.cfg.VIPs {
		groups, err := groupsOf(v)
		if err != nil {
			return err
		}
		for _, group := range groups {
			member, err := host.JoinGroup(ifindex, group)
			if err != nil {
				return err
			}
			c.filters = append(c.filters, member)
		}
		if v.Mode == config.Directed {
			continue
		}
		filter, err := host.OpenMACFilter(ifindex, v.MAC)
		if err != nil {
			return err
		}
		c.filters = append(c.filters, filter)
	}
	return nil
}

// groupsOf are the groups that the daemon is in for a VIP: those of its mode, and of
// an IPv6 VIP the one that who asks for it asks (RFC 4861, 7.2.1).
func groupsOf(v config.VIP) ([]netip.Addr, error) {
	groups := config.GroupsOf(v)
	if !v.Address.Is6() {
		return groups, nil
	}
	solicited, err := ndp.SolicitedNodeMulticast(v.Address)
	if err != nil {
		return nil, fmt.Errorf("solicited-node group of %v: %w", v.Address, err)
	}
	return append(groups, solicited), nil
}

func (c *check) close() {
	for _, f := range c.filters {
		_ = f.Close() // The process's end does the same.
	}
	if c.conn != nil {
		_ = c.conn.Close()
	}
	for _, a := range c.askers() {
		_ = a.Close()
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
	for _, a := range c.askers() {
		if err := a.Receive(c.survey.neighbour); err != nil {
			return err
		}
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
	}
	if probe {
		errs = append(errs, c.ask())
	}
	return errors.Join(append(errs, c.conn.Report(report))...)
}

// ask asks who has each VIP.
func (c *check) ask() error {
	var errs []error
	for i, v := range c.cfg.VIPs {
		asker := c.four
		if v.Address.Is6() {
			asker = c.six
		}
		c.survey.claims[i].asked()
		errs = append(errs, asker.Ask(v.Address))
	}
	return errors.Join(errs...)
}
