package farm

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/console"
	"thresher/farm/division"
	"thresher/farm/netcheck"
	"thresher/farm/wire"
	"thresher/health"
)

// loop owns the state of a node whose clients come by VIPs. Its methods run on its one
// goroutine.
type loop struct {
	*parts
	division division.Division // of the view by which clients are served
	bindings bindings

	unfit        []health.Finding // what was wrong with the machine's network when last looked at
	tried        string           // the change of the interface that a restart was last tried for
	members      []settle.Member  // that the confirmation was last told
	dropsClients bool             // whether the node was told to keep no clients
	weighed      []uint8          // the weights that the others were last told
	viewTold     confirm.ViewID   // the view that the last event of one told
	strangers    strangers
	connections  flowCount
	handedOn     transmitted // when last looked at
}

var _ front = (*loop)(nil)

// peerCheck is how often the loop looks whether peers have fallen silent that no
// change of the view tells of, and whether frames for the VIPs reach everybody.
const peerCheck = wire.Interval

func newLoop(p *parts) *loop {
	l := &loop{
		parts:   p,
		weighed: p.weights.wire(),
		// Whoever asks before the first settling sees what there is so far.
		division: *p.confirmation.Shown().Observed,
	}
	l.viewTold = l.division.View.ID
	l.connections.count = func() ([]int, error) { return l.flows.Count(l.datapath.rules) }
	l.front, l.app = l, newApplication(p.cfg, p.events, p.confirmation.Params().Lease)
	l.resume(p.handed)
	l.boot()
	return l
}

// run decides until ctx is done or something that the node cannot serve without
// has failed.
func (l *loop) run(ctx context.Context) error {
	defer close(l.ended)
	machine, err := l.watch(ctx)
	if err != nil {
		return err
	}
	if nic, err := netlink.LinkByIndex(l.nic.Attrs().Index); err == nil {
		l.linked(hasCarrier(nic.Attrs())) // what was told before anybody listened
		l.examine(nic)
	}
	lookTicker := time.NewTicker(lookAround)
	defer lookTicker.Stop()
	peerTicker := time.NewTicker(peerCheck)
	defer peerTicker.Stop()
	l.restarted(l.confirmation.Pause())
	joined := make(chan error, 1)
	go func() { joined <- l.cluster.Join(ctx) }()
	defer l.gossiping()()
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
			l.confirmation.Speak()
			l.rejoining = false
		case <-l.cluster.Changed():
		case <-l.confirmation.Bell():
		case <-l.alarm.C:
		case <-l.app.supervisor.Changed():
		case now := <-peerTicker.C:
			l.watchWire(now)
			l.correct()
			l.watchClaims(now)
			l.watchStrangers(now)
			l.watchHandOn()
		case up := <-machine.carrier:
			l.linked(up)
		case <-machine.bell:
			l.look()
		case <-lookTicker.C:
			l.look()
		case a := <-l.asks:
			a.do()
			answer = a.done
		}
		l.settle()
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

// attend has the responder answer.
func (l *loop) attend(ctx context.Context) (wait func()) {
	ended := make(chan struct{})
	go func() { defer close(ended); l.report(l.responder.Serve(ctx)) }()
	if l.handed == nil {
		// Who has a VIP already answers before this node serves (RFC 5227, 2.1).
		if err := netcheck.Ask(l.ifi(), l.cfg.VIPs); err != nil {
			l.log.Warn("whether somebody else has a VIP was not asked", "err", err)
		}
	}
	return func() { <-ended }
}

// settle makes the confirmation, the responder and the other nodes agree with
// the farm as it stands. It recomputes everything from the member list and from
// where the confirmation stands, which are the truth; whatever woke the loop was
// only a hint.
func (l *loop) settle() {
	now := time.Now()
	members := l.cluster.Members()
	if !l.rejoining {
		l.inform(members)
	}
	l.drained()
	shown := l.confirmation.Look()
	if !l.rejoining {
		l.roster.update(time.Now(), members, peersOf(shown.Status, l.confirmation.Params().Eviction), l.events)
	}
	l.networks.update(l.cluster.Cuts(), members, l.events)
	l.watchJoin(now)
	l.consult(now)
	l.life.advance(now, obstacle(cluster.Refused(l.cfg.Node, members, l.digest)), shown.Status.Phase)
	l.take()
	l.direct(now)
	l.heed(now)
	l.weigh()
	l.keepClients()
	l.division = *shown.Observed
	l.tellView(shown.Status.All)
	l.fenceIn(now, shown)
	l.answer(answerers(shown, l.cfg.Node), members)
	l.tell()
	l.showHealth()
	l.wakeUp(now)
}

// tellView tells of the view if no event has; all is how many nodes the farm has.
func (l *loop) tellView(all int) {
	if l.division.View.ID == l.viewTold {
		return
	}
	l.viewTold = l.division.View.ID
	l.events.view(l.division.View, minority(l.cfg.Cluster.Partition, l.division.View, all))
}

// inform tells the confirmation who there is by the membership. Who says that it
// leaves takes its connections with it; who vanishes may only have lost its daemon.
func (l *loop) inform(members []cluster.Member) {
	var all []settle.Member
	for _, m := range members {
		one := settle.Member{Name: m.Name, Standing: settle.Alive}
		switch {
		case m.Alive:
		case m.Meta.Phase == cluster.Leaving:
			one.Standing = settle.Left
		default:
			one.Standing = settle.Gone
		}
		all = append(all, one)
	}
	if !slices.Equal(all, l.members) {
		l.members = all
		l.confirmation.Members(all)
	}
}

// drained ends a drain when no flow is left.
func (l *loop) drained() {
	if l.life.state != console.Draining {
		return
	}
	if (l.life.stopping || !l.confirmation.KeepsClients()) && l.flowsLeft() == 0 {
		l.life.drained("no connection is left")
	}
}

// flowsLeft is how many connections this node has, or had up to a second ago if there
// are some; more than any if it is not known.
func (l *loop) flowsLeft() int {
	left, err := l.connections.left(time.Now())
	if err != nil {
		l.log.Warn("this machine's connections cannot be counted", "err", err)
		return math.MaxInt
	}
	return left
}

// take has the confirmation take part in the farm or leave it, as life has it.
func (l *loop) take() {
	takes := l.life.takesPart()
	if takes == l.takes {
		return
	}
	l.takes = takes
	if takes {
		l.confirmation.Up()
	} else {
		l.confirmation.Leave()
	}
}

// keepClients has a stopped node keep no clients; one that drains keeps them.
func (l *loop) keepClients() {
	if keeps := l.life.state != console.Stopped && !l.life.stopping; keeps == l.dropsClients {
		l.dropsClients = !keeps
		l.confirmation.KeepClients(keeps)
	}
}

// obstacle is why this node must stay out of the farm; "" if it need not.
func obstacle(refused []cluster.Refusal) string {
	if len(refused) == 0 {
		return ""
	}
	return refused[0].Name + ": " + refused[0].Reason
}

// answer takes up and gives up answering for VIPs as the view says that the node heads
// for: two answers for a moment do no harm, for they are the same.
func (l *loop) answer(v cluster.View, members []cluster.Member) {
	next := bindingsFor(v, l.cfg.Node, l.cfg.VIPs).formerly(l.former)
	if l.knowsFarm() {
		next.farm = stations(members)
	}
	if next.equal(l.bindings) {
		return
	}
	l.responder.SetFarm(next.farm)
	if err := l.responder.SetBindings(next.mine, next.all); err != nil {
		l.log.Error("neighbours are not answered as they should be", "err", err)
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
	l.confirmation.Leave()
	l.confirmation.Farewell()
	l.end()
	l.goodbye()
}
