package farm

import (
	"context"
	"errors"
	"math"
	"time"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
)

// loop owns the node's state. Its methods run on its one goroutine, but for do.
type loop struct {
	*parts
	life     life
	shares   shares
	division division
	roster   roster
	bindings bindings

	carrier bool              // of the interface, as last reported
	told    console.NodeState // the state that the others were last told
	serving bool              // what the packet path was last told
	stale   bool              // the packet path has another division than ours

	asks    chan ask
	ended   chan struct{} // closed when run returns
	opening *time.Timer
}

// ask is something to be done on the loop's goroutine. done is closed when it has
// taken effect: when packet path, responder and the other nodes know of it.
type ask struct {
	do   func()
	done chan struct{}
}

// errEnded answers who asks a daemon that is going down.
var errEnded = &console.Error{
	Code: console.CodeUnavailable, Message: "the daemon is shutting down", Cure: "wait until it has come back",
}

func newLoop(p *parts) *loop {
	opening := time.NewTimer(time.Hour)
	opening.Stop()
	return &loop{
		parts:   p,
		life:    newLife(holdFor(p.cfg.Cluster.Profile)),
		shares:  shares{rules: p.cfg.Rules},
		roster:  newRoster(p.cfg.Node),
		carrier: true,
		stale:   true,
		asks:    make(chan ask),
		ended:   make(chan struct{}),
		opening: opening,
	}
}

// run decides until ctx is done or something that the node cannot serve without
// has failed.
func (l *loop) run(ctx context.Context) error {
	defer close(l.ended)
	carrier, err := l.watchLink(ctx)
	if err != nil {
		return err
	}
	queueTicker := time.NewTicker(queueCheck)
	defer queueTicker.Stop()
	joined := make(chan error, 1)
	go func() { joined <- l.cluster.Join(ctx) }()
	for {
		var answer chan struct{}
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.failed:
			return err
		case err := <-joined:
			if err != nil {
				return ignoreCancelled(ctx, err)
			}
			l.life.join()
		case <-l.cluster.Changed():
		case <-l.opening.C:
		case up := <-carrier:
			l.linked(up)
		case <-queueTicker.C:
			if err := l.checkQueues(); err != nil {
				l.log.Warn("packets of new receive queues may be lost", "err", err)
			}
		case a := <-l.asks:
			a.do()
			answer = a.done
		}
		if err := l.settle(); err != nil {
			return err
		}
		if answer != nil {
			close(answer)
		}
	}
}

func ignoreCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// do runs f on the loop's goroutine and waits until it has taken effect. Any
// other goroutine may call it; it gives up with the context or the loop.
func (l *loop) do(ctx context.Context, f func()) error {
	a := ask{do: f, done: make(chan struct{})}
	select {
	case l.asks <- a:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
		return errEnded
	}
	select {
	case <-a.done:
		return nil
	case <-l.ended:
		return errEnded
	}
}

// settle makes the packet path, the responder and the other nodes agree with
// the farm as it stands. It recomputes everything from the member list, which is
// the truth; whatever woke the loop was only a hint.
func (l *loop) settle() error {
	now := time.Now()
	members := l.cluster.Members()
	view, refused := cluster.Eligible(l.cfg.Node, members, l.digest)
	l.roster.update(members, l.events)
	l.life.advance(obstacle(refused))
	l.divide(view)
	if err := l.open(now); err != nil {
		return err
	}
	l.answer()
	l.tell()
	return nil
}

// obstacle is why this node must stay out of the farm; "" if it need not.
func obstacle(refused []cluster.Refusal) string {
	if len(refused) == 0 {
		return ""
	}
	return refused[0].Name + ": " + refused[0].Reason
}

// divide recomputes whose buckets are whose, if the view changed.
func (l *loop) divide(view cluster.View) {
	if l.division.tables != nil && view.ID == l.division.view.ID {
		return
	}
	l.division = l.shares.divide(view)
	l.stale = true
	l.events.view(view)
}

// open lets in what is this node's, or nothing. A stopping node lets go here,
// before it tells.
func (l *loop) open(now time.Time) error {
	serves := l.life.serves(now)
	if serves == l.serving && !l.stale {
		return nil
	}
	l.serving, l.stale = serves, false
	if !serves {
		return errors.Join(l.datapath.lease(0), l.datapath.apply(nil))
	}
	return errors.Join(l.datapath.apply(l.division.of(l.cfg.Node)), l.datapath.lease(math.MaxInt64))
}

// tell gossips this node's state, if it is new, and has the loop look again
// when an up node is due to open.
func (l *loop) tell() {
	if l.life.state == l.told {
		return
	}
	l.told = l.life.state
	l.events.state(l.life.state, l.life.reason)
	if err := l.cluster.SetMeta(l.meta(l.life.phase())); err != nil {
		l.log.Warn("the other nodes may not have heard of this node's state", "state", l.life.state, "err", err)
	}
	if wait := l.life.told(time.Now()); wait > 0 {
		l.opening.Reset(wait)
	}
}

// answer takes up and gives up answering ARP as the view says.
func (l *loop) answer() {
	next := bindingsFor(l.division.view, l.cfg.Node, l.cfg.VIPs)
	if next.equal(l.bindings) {
		return
	}
	if err := l.responder.SetBindings(next.mine, next.all); err != nil {
		l.log.Error("ARP is not answered as it should be", "err", err)
	}
	for vip, node := range next.responders {
		if node != l.bindings.responders[vip] {
			l.events.responder(vip, node)
		}
	}
	l.bindings = next
}

// leave ends the node's part in the farm: traffic out first, then the others
// are told, so that they do not take the end for a crash.
func (l *loop) leave() {
	if err := errors.Join(l.datapath.lease(0), l.datapath.apply(nil)); err != nil {
		l.log.Error("traffic may still be let in", "err", err)
	}
	if err := l.cluster.SetMeta(l.meta(cluster.Leaving)); err != nil {
		l.log.Warn("the other nodes may take this node's end for a crash", "err", err)
	}
}

// holdFor is how long the others may take to hear that a node is up, by the
// profile: several rounds of gossip (cluster/timing.go).
func holdFor(p config.Profile) time.Duration {
	switch p {
	case config.LAN:
		return time.Second
	case config.WAN:
		return 3 * time.Second
	}
	return 250 * time.Millisecond
}
