package farm

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/health"
)

// queueCheck is how often the loop looks whether the interface has got more
// receive queues: the kernel tells of links, but not of their channels.
const queueCheck = 5 * time.Second

// watchLink tells whether the interface has a carrier, each time that the kernel
// reports on it, until ctx is done.
func (p *parts) watchLink(ctx context.Context) (<-chan bool, error) {
	updates := make(chan netlink.LinkUpdate)
	if err := netlink.LinkSubscribe(updates, ctx.Done()); err != nil {
		return nil, fmt.Errorf("watch interface %s: %w", p.cfg.Interface, err)
	}
	carrier := make(chan bool)
	go func() {
		for u := range updates {
			a := u.Attrs()
			if a.Index != p.nic.Attrs().Index {
				continue
			}
			select {
			case carrier <- a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown:
			case <-ctx.Done():
			}
		}
	}()
	return carrier, nil
}

// linked takes note of the carrier. A switch that has lost and found a port has
// forgotten whom it reaches there, so that the VIPs are announced and the groups
// joined anew.
func (l *loop) linked(carrier bool) {
	if carrier == l.carrier {
		return
	}
	l.carrier = carrier
	l.life.link(time.Now(), carrier)
	l.events.link(l.cfg.Interface, carrier)
	if !carrier {
		return
	}
	l.responder.Reannounce()
	if err := l.machine.journal.Rejoin(l.cfg.Interface); err != nil {
		l.log.Warn("switches may not know that this node is a member of the VIPs' groups", "err", err)
	}
}

// checkQueues opens the queues that the interface has got since the start. A
// queue that it has lost stays open: nothing comes in by it.
func (l *loop) checkQueues() error {
	if l.cfg.Datapath.Queues != 0 {
		return nil
	}
	facts, err := health.Inspect(l.cfg.Interface)
	if err != nil || facts.Queues <= len(l.datapath.queues) {
		return err
	}
	before := len(l.datapath.queues)
	if err := l.datapath.grow(l.nic, facts.Queues); err != nil {
		return err
	}
	l.events.queues(l.cfg.Interface, before, len(l.datapath.queues))
	return nil
}
