package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"
)

// keepJoined starts the loop that joins the configured peers again, once.
//
// memberlist does not heal a partition: probes, gossip and state exchange all
// skip dead members, and after GossipToTheDeadTime they are forgotten. So
// somebody has to knock again, and each node does.
func (c *Cluster) keepJoined() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed || c.left {
		return ErrClosed
	}
	if !c.joined && len(c.peers) > 0 {
		c.joined = true
		c.work.Add(1)
		go c.rejoinLoop()
	}
	return nil
}

// rejoinLoop tries the missing peers again and again until the cluster closes.
func (c *Cluster) rejoinLoop() {
	defer c.work.Done()
	for c.ctx.Err() == nil {
		wait(c.ctx, jitter(c.tuning.rejoin))
		c.rejoin(c.ctx)
	}
}

// rejoin tries each configured peer that is not a live member, once. memberlist
// logs how it went; a peer that is still down is worth no more than its debug
// line.
func (c *Cluster) rejoin(ctx context.Context) {
	for _, p := range missing(c.peers, c.Members()) {
		if ctx.Err() != nil {
			return
		}
		if _, err := c.list.Join([]string{p.String()}); err == nil {
			c.log.emit(slog.LevelInfo, fmt.Sprintf("joined the configured peer %s again", p))
		} else if classify(err) == refused {
			c.log.emit(slog.LevelWarn, fmt.Sprintf("the configured peer %s runs but refuses this node: use the same key file on all nodes", p), "error", said(err))
		}
	}
}

// missing returns the peers at whose address no live member is.
func missing(peers []netip.AddrPort, members []Member) []netip.AddrPort {
	live := make(map[netip.AddrPort]bool, len(members))
	for _, m := range members {
		for _, a := range append([]netip.AddrPort{m.Address}, m.Meta.Networks...) {
			live[a] = live[a] || m.Alive // a machine may have had another name
		}
	}
	var absent []netip.AddrPort
	for _, p := range peers {
		if !live[p] {
			absent = append(absent, p)
		}
	}
	return absent
}

// jitter returns a duration evenly spread from two thirds to four thirds of mean,
// so that nodes that lost each other at once do not knock at once forever.
func jitter(mean time.Duration) time.Duration {
	third := mean / 3
	return 2*third + rand.N(2*third+1)
}
