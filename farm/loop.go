package farm

import (
	"context"
	"errors"
	"slices"
	"time"

	"thresher/cluster"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/console"
	"thresher/farm/wire"
)

// loop owns the node's state. Its methods run on its one goroutine, but for do.
type loop struct {
	*parts
	life     life
	division division // of the view by which clients are served
	roster   roster
	networks networks
	bindings bindings

	rejoining bool // gossip has not found the others again since a restart

	carrier      bool              // of the interface, as last reported
	linkLocal    bool              // whether the interface had a link-local address when last looked at
	tried        string            // the change of the interface that a restart was last tried for
	told         console.NodeState // the state that the others were last told
	members      []settle.Member   // that the confirmation was last told
	dropsClients bool              // whether the node was told to keep no clients
	weighed      []uint8           // the weights that the others were last told
	loaded       *config.Config    // the file as it was last read
	takes        bool              // whether the confirmation was last told to take part
	app          *application
	health       healthPage
	kept         kept              // over a boot
	withdrawn    map[string]string // why this node does not serve rules, by rule
	toldShut     string            // why the node does not serve, as last told
	wave         chan cluster.Meta // what this node is to tell the others of itself

	alarm *time.Timer // for when life is due

	asks  chan ask
	ended chan struct{} // closed when run returns
}

// ask is something to be done on the loop's goroutine. done is closed when it has
// taken effect: when packet path, responder and the other nodes know of it.
type ask struct {
	do   func()
	done chan struct{}
}

// peerCheck is how often the loop looks whether peers have fallen silent that no
// change of the view tells of, and whether frames for the VIPs reach everybody.
const peerCheck = wire.Interval

// errEnded answers who asks a daemon that is going down.
var errEnded = &console.Error{
	Code: console.CodeUnavailable, Message: "the daemon is shutting down", Cure: "wait until it has come back",
}

func newLoop(p *parts) *loop {
	alarm := time.NewTimer(time.Hour)
	alarm.Stop()
	l := &loop{
		alarm:   alarm,
		parts:   p,
		life:    newLife(),
		roster:  newRoster(p.cfg.Node, p.digest),
		carrier: true, linkLocal: true,
		weighed: p.weights.wire(),
		loaded:  p.cfg,
		// Whoever asks before the first settling sees what there is so far.
		division: *p.confirmation.shown().observed,
		wave:     make(chan cluster.Meta, 1),
		asks:     make(chan ask),
		ended:    make(chan struct{}),

		app: newApplication(p.cfg, p.events, p.confirmation.params.Lease), withdrawn: make(map[string]string),
	}
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
	lookTicker := time.NewTicker(lookAround)
	defer lookTicker.Stop()
	peerTicker := time.NewTicker(peerCheck)
	defer peerTicker.Stop()
	l.restarted()
	joined := make(chan error, 1)
	go func() { joined <- l.cluster.Join(ctx) }()
	telling := make(chan struct{})
	defer func() { close(l.wave); <-telling }()
	go func() { defer close(telling); l.gossip() }()
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
			l.confirmation.speak()
			l.rejoining = false
		case <-l.cluster.Changed():
		case <-l.confirmation.bell:
		case <-l.alarm.C:
		case <-l.app.supervisor.Changed():
		case now := <-peerTicker.C:
			l.watchWire(now)
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
	shown := l.confirmation.look()
	if !l.rejoining {
		l.roster.update(members, peersOf(shown.status, l.confirmation.params.Eviction), l.events)
	}
	l.networks.update(l.cluster.Cuts(), members, l.events)
	l.consult(now)
	l.life.advance(now, obstacle(cluster.Refused(l.cfg.Node, members, l.digest)), shown.status.Phase)
	l.take()
	l.direct(now)
	l.heed(now)
	l.weigh()
	l.keepClients()
	if shown.observed.view.ID != l.division.view.ID {
		l.events.view(shown.observed.view)
	}
	l.division = *shown.observed
	l.answer(shown.target.view, members)
	l.tell()
	l.showHealth()
	if due := l.due(now); !due.IsZero() {
		l.alarm.Reset(due.Sub(now))
	}
}

// due is when time alone may change something; zero for never.
func (l *loop) due(now time.Time) (first time.Time) {
	for _, due := range []time.Time{l.life.due(now), l.app.closeBy, l.app.comeback.due(now)} {
		if due.After(now) {
			first = sooner(first, due)
		}
	}
	return first
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
		l.confirmation.members(all)
	}
}

// drained ends a drain when no flow is left.
func (l *loop) drained() {
	if l.life.state != console.Draining {
		return
	}
	if l.flowsLeft() == 0 && (l.life.stopping || !l.confirmation.keepsClients()) {
		l.life.drained("no connection is left")
	}
}

// take has the confirmation take part in the farm or leave it, as life has it.
func (l *loop) take() {
	takes := l.life.takesPart()
	if takes == l.takes {
		return
	}
	l.takes = takes
	if takes {
		l.confirmation.up()
	} else {
		l.confirmation.leave()
	}
}

// keepClients has a stopped node keep no clients; one that drains keeps them.
func (l *loop) keepClients() {
	if keeps := l.life.state != console.Stopped && !l.life.stopping; keeps == l.dropsClients {
		l.dropsClients = !keeps
		l.confirmation.keepClients(keeps)
	}
}

// obstacle is why this node must stay out of the farm; "" if it need not.
func obstacle(refused []cluster.Refusal) string {
	if len(refused) == 0 {
		return ""
	}
	return refused[0].Name + ": " + refused[0].Reason
}

// tell gossips this node's state, if it is new, and says why if the reason is.
func (l *loop) tell() {
	shut := l.life.shut
	if l.life.state == console.Up || l.life.state == console.Draining {
		shut = ""
	}
	if l.life.state == l.told && (shut == "" || shut == l.toldShut) {
		return
	}
	before := l.told
	l.told, l.toldShut = l.life.state, shut
	l.events.state(l.life.state, l.life.reason)
	if before != l.told {
		l.spread()
	}
}

// spread has the others told of this node's state and weights.
func (l *loop) spread() {
	select {
	case <-l.wave: // replaced before it was told
	default:
	}
	l.wave <- l.meta(l.life.phase())
}

// gossip tells the others what the loop wants them to be told, on a goroutine of
// its own: it takes several rounds of gossip each time.
func (l *loop) gossip() {
	for meta := range l.wave {
		if err := l.cluster.SetMeta(meta); err != nil {
			l.log.Warn("the other nodes may not have heard of this node's state", "phase", meta.Phase, "err", err)
		}
	}
}

// answer takes up and gives up answering for VIPs as the view says that the node heads
// for: two answers for a moment do no harm, for they are the same.
func (l *loop) answer(v cluster.View, members []cluster.Member) {
	next := bindingsFor(v, l.cfg.Node, l.cfg.VIPs).formerly(l.former)
	next.farm = stations(members)
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
	l.confirmation.leave()
	l.confirmation.farewell()
	if err := l.cluster.SetMeta(l.meta(cluster.Leaving)); err != nil {
		l.log.Warn("the other nodes may take this node's end for a crash", "err", err)
	}
}
