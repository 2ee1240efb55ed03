package farm

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/health"
)

// lookAround is how often the loop looks at its machine where nothing tells it
// to: for what the kernel does not tell of, such as a sysctl that is set.
const lookAround = 5 * time.Second

// linked takes note of the carrier. A switch that has lost and found a port has
// forgotten whom it reaches there and which groups, so that both are said anew.
func (l *loop) linked(carrier bool) {
	if carrier != l.life.cut {
		return
	}
	l.life.link(time.Now(), carrier)
	l.events.link(l.cfg.Interface, carrier)
	if !carrier {
		return
	}
	l.reannounce()
	if err := l.machine.journal.Rejoin(l.cfg.Interface); err != nil {
		l.log.Warn("switches may not know that this node is a member of the VIPs' groups", "err", err)
	}
}

func (l *loop) reannounce() {
	if err := l.responder.Reannounce(); err != nil {
		l.log.Warn("neighbours may not hear of the VIPs", "err", err)
	}
}

// look brings the node and its machine together again after something may have
// changed there: the interface's queues and addresses, and what the daemon has
// itself changed and somebody else has undone.
func (l *loop) look() {
	nic, err := netlink.LinkByIndex(l.nic.Attrs().Index)
	if err != nil {
		return // the interface is gone: the responder says so
	}
	l.examine(nic)
	// The next process would refuse what keeps this one waiting.
	if what := changed(l.nic.Attrs(), nic.Attrs()); what != "" && what != l.tried && len(l.unfit) == 0 {
		l.tried = what
		l.events.changed(l.cfg.Interface, what)
		_ = l.restart(nil) // it returns if that fails, and has told of it
	}
	if nic.Attrs().Name == l.cfg.Interface { // all that is to be made goes by its name
		if err := errors.Join(l.machine.prepare(l.everyWay(), l.nic), l.machine.ownDirected(l.everyWay())); err != nil {
			l.log.Warn("this machine may not be as the node needs it", "err", err)
		}
		if err := l.checkQueues(); err != nil {
			l.log.Warn("packets of new receive queues may be lost", "err", err)
		}
	}
}

// changed says in what an interface has become another one than the packet path
// was made for; "" if in nothing.
func changed(was, is *netlink.LinkAttrs) string {
	if mac := is.HardwareAddr.String(); mac != was.HardwareAddr.String() {
		return fmt.Sprintf("its Ethernet address is %s instead of %s", mac, was.HardwareAddr)
	}
	if is.MTU != was.MTU {
		return fmt.Sprintf("its MTU is %d instead of %d", is.MTU, was.MTU)
	}
	return ""
}

// checkQueues opens the queues that the interface has got since the start. A
// queue that it has lost stays open: nothing comes in by it.
func (l *loop) checkQueues() error {
	if l.cfg.Datapath.Queues != 0 {
		return nil
	}
	facts, err := health.Inspect(l.cfg.Interface)
	if err != nil || facts.Queues <= l.datapath.registered {
		return err
	}
	before := l.datapath.registered
	if err := l.datapath.grow(l.nic, facts.Queues, true); err != nil {
		return err
	}
	l.events.queues(l.cfg.Interface, before, l.datapath.registered)
	return nil
}
