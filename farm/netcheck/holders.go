package netcheck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"thresher/config"
	"thresher/farm/wire"
	"thresher/health"
)

const (
	// askings is how often the segment is asked who has a VIP, and askEvery how often:
	// one frame may be lost (RFC 5227, 2.1.1 has three probes, a second apart).
	askings  = 3
	askEvery = 150 * time.Millisecond
	// namedWithin is how long it may take until who has answered says that it is of the
	// farm: nodes report each second.
	namedWithin = 2*wire.Interval + wire.Interval/2
)

// Holders asks who has the VIPs before this machine's node has, and finds those that are
// none of its farm: one finding for each. It takes half a second, and where somebody
// answers until that one has said that it is of the farm, or could have.
func Holders(ctx context.Context, cfg *config.Config) ([]health.Finding, error) {
	found, err := holders(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("ask who has the VIPs: %w", err)
	}
	return found, nil
}

func holders(ctx context.Context, cfg *config.Config) (found []health.Finding, err error) {
	ifi, err := net.InterfaceByName(cfg.Interface)
	if err != nil {
		return nil, err
	}
	c := &check{cfg: cfg, survey: newSurvey(cfg, 0)}
	defer c.close()
	if c.conn, err = wire.Open(ifi, wire.Options{}, cfg.Cluster.SealKeys()...); err != nil {
		return nil, err
	}
	if err := c.openAskers(ifi); err != nil {
		return nil, err
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	begin := time.Now()
	for i := 0; i <= askings || len(c.survey.holders()) > 0 && time.Since(begin) < namedWithin; i++ {
		if i < askings {
			if err := c.ask(); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		c.conn.Receive(func(wire.Probe) {}, c.survey.heard)
		for _, a := range c.askers() {
			err = errors.Join(err, a.Receive(c.survey.neighbour))
		}
		if err != nil {
			return nil, err
		}
	}
	return c.survey.holders(), nil
}

// holders are those who answer and are none of the farm, as far as is known.
func (s *survey) holders() (found []health.Finding) {
	for i, v := range s.cfg.VIPs {
		all := make(map[claim]bool)
		for _, answers := range s.claims[i] {
			for one := range answers {
				one.reply = true // It need not be told twice.
				if s.foreign(v, one) {
					all[one] = true
				}
			}
		}
		for _, one := range slices.SortedFunc(maps.Keys(all), func(a, b claim) int { return slices.Compare(a.source[:], b.source[:]) }) {
			what, cure := one.text(v)
			found = append(found, health.Finding{Level: health.LevelWarn, What: what, Cure: cure})
		}
	}
	return found
}

// Ask asks the segment once who has the VIPs: who watches for claims hears the answers.
func Ask(ifi *net.Interface, vips []config.VIP) error {
	c := &check{cfg: &config.Config{VIPs: vips}}
	defer c.close()
	c.survey = newSurvey(c.cfg, 0)
	if err := c.openAskers(ifi); err != nil {
		return err
	}
	return c.ask()
}
