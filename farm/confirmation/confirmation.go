package confirmation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/cluster/settle"
	"thresher/farm/clock"
	"thresher/farm/division"
	"thresher/farm/gate"
	"thresher/pipeline"
)

// Confirmation runs this node's side of the confirmation protocol: it feeds the
// protocol's state machine with heartbeats, members and time, and carries out
// what comes of it. It alone decides what the packet path lets in. Its goroutine
// does nothing else, so that no slow work delays a heartbeat.
type Confirmation struct {
	node *confirm.Node
	wire *segment.Conn
	path PacketPath
	gate *gate.Gate
	log  *slog.Logger

	settling *settling
	halfOpen *halfOpen
	sticky   *stickiness
	routing  *routing // nil where no VIP is in mode directed

	gossip    atomic.Pointer[cluster.Cluster] // nil until Connect
	apart     bool                            // gossip has a network of its own
	reachable []string                        // the other nodes that gossip reaches
	onWire    map[string]confirm.Time         // when each was last heard on the VIPs' interface
	told      uint64                          // the version of half-open handshakes that the packet path knows

	releasing releasing             // what others must hear of before they can park it
	aim       confirm.View          // the last view that this node headed for
	heirs     atomic.Pointer[heirs] // of the last release
	leftovers <-chan pipeline.Leftover
	rules     *pipeline.Rules
	sender    *sender

	notices  notices
	others   gate.Others         // as of heading and answered
	heading  confirm.ViewID      // this node's target then
	answered []confirm.PeerViews // what the others said then
	said     []confirm.PeerViews // scratch
	warned   []change            // scratch
	foreseen struct {
		target  confirm.ViewID
		since   confirm.Time
		members int // of the target, of which it is worked out what their going brings
	}

	everything confirm.Buckets

	draws chan string             // names whose draws are to be computed beforehand
	drawn map[string]confirm.Time // names that were put into it, and when they were last heard

	params confirm.Params
	config confirm.Config
	lazy   bool          // renewals may wait for the receiver's own next heartbeat
	met    acquaintances // of the peers that may be letting flows in

	// behind is set while the node reads what came while it stood still: what it
	// knows of the others is old.
	behind   bool
	listened confirm.Time    // when it had last read everything
	unsaid   confirm.Actions // the last heartbeat from while it was behind

	silent bool // nothing is sent: the farm may refuse this node its name

	self      string
	ids       []confirm.RuleID
	divider   division.Divider
	divisions map[confirm.ViewID]*division.Division // of the views lately computed
	portions  map[portion]confirm.Buckets           // of the same views

	first   confirm.Actions    // of the node's first instant, until Begin
	resumed bool               // it goes on from another process
	since   confirm.Time       // when a node that goes on was last heard
	pause   time.Duration      // for how long it was not
	stop    context.CancelFunc // ends run
	running sync.WaitGroup     // run, and what else lasts as long
	parting chan parting       // who waits for the snapshot that ends the node's life here

	asks    chan event
	ended   chan struct{}
	wake    time.Time // when the protocol wants to be told the time
	bell    chan struct{}
	picture atomic.Pointer[Picture]
}

// event is something for the state machine. done is closed when what comes of it
// has been carried out.
type event struct {
	happens func(now confirm.Time) confirm.Actions
	done    chan struct{}
}

// maxDivisions bounds how many views' divisions are kept.
const maxDivisions = 64

// assign computes what a view gives to this node.
func (c *Confirmation) assign(v confirm.View) confirm.Buckets {
	return c.division(v).Of(c.self, c.ids)
}

// division is how a view divides the buckets.
func (c *Confirmation) division(v confirm.View) *division.Division {
	if d := c.divisions[v.ID]; d != nil {
		return d
	}
	if len(c.divisions) >= maxDivisions {
		clear(c.divisions)
		clear(c.portions)
	}
	d := c.divider.Divide(cluster.Resolve(v))
	c.divisions[v.ID] = &d
	return &d
}

// run drives the protocol until ctx is done or the packet path fails.
func (c *Confirmation) run(ctx context.Context) error {
	defer close(c.ended)
	defer context.AfterFunc(ctx, c.wire.Interrupt)()
	for ctx.Err() == nil {
		if err := c.wire.Wait(c.wake); err != nil {
			return err
		}
		if err := c.listen(); err != nil {
			return err
		}
		if err := c.answer(); err != nil {
			return err
		}
		if err := c.lookAfterFlows(); err != nil {
			return err
		}
	}
	return nil
}

// listen feeds the heartbeats that wait, before anything else learns what time it
// is: what this process did not read while it was stopped is not silence. It lets
// time pass in any case.
func (c *Confirmation) listen() (err error) {
	c.behind = c.listened != 0 && clock.Now().Sub(c.listened) > 2*c.params.Heartbeat
	heard := c.wire.Receive(func(hb *confirm.Heartbeat, kind segment.Kind) {
		now := clock.Now()
		switch {
		case err != nil:
		case kind == segment.Notice:
			c.notices.take(now, hb)
		default:
			err = c.carryOut(c.receiveFrame(now, hb))
		}
	})
	if heard == 0 && err == nil {
		err = c.carryOut(c.node.Tick(clock.Now()))
	}
	c.behind, c.listened = false, clock.Now()
	if err != nil {
		return err
	}
	return c.say(c.unsaid)
}

// receiveFrame takes in a heartbeat that came on the VIPs' interface, and returns what
// comes of it. The newest one shows that its sender is heard there, though a message
// may have brought it before; an older one may be a recording.
func (c *Confirmation) receiveFrame(now confirm.Time, hb *confirm.Heartbeat) confirm.Actions {
	if c.node.Order(hb) >= 0 {
		c.draw(now, hb.Name)
		c.onWire[hb.Name] = now
	}
	return c.receiveBeat(now, hb)
}

// receiveBeat takes in a heartbeat, whichever way it came. What knows of flows and
// clients is told first, and only of what the protocol will accept: what was recorded
// can be sent again at any time.
func (c *Confirmation) receiveBeat(now confirm.Time, hb *confirm.Heartbeat) confirm.Actions {
	c.releasing.heard(hb, c.node.Boot())
	if c.node.Order(hb) > 0 {
		c.heard(now, hb)
	}
	return c.node.Receive(now, hb)
}

// heard tells what knows of flows and clients of a peer's heartbeat.
func (c *Confirmation) heard(now confirm.Time, hb *confirm.Heartbeat) {
	c.settling.carryOut(c.settling.node.Heard(now, hb))
	if c.routing != nil {
		c.routing.reaches.Beat(now, hb)
	}
	if c.sticky != nil {
		c.sticky.carryOut(c.sticky.node.Heard(now, hb))
	}
}

// answer lets the events happen that others of the daemon ask for.
func (c *Confirmation) answer() error {
	for {
		select {
		case e := <-c.asks:
			if err := c.carryOut(e.happens(clock.Now())); err != nil {
				return err
			}
			close(e.done)
		default:
			return nil
		}
	}
}

// carryOut does what the protocol says, in the order in which it must be done.
func (c *Confirmation) carryOut(a confirm.Actions) error {
	now := clock.Now()
	lease := c.gate.InForce()
	if a.Lease != nil {
		lease = *a.Lease
	}
	c.follow(now, a.Events, lease)
	c.letGo(now, lease, a.Lease != nil)
	first := a.Lease != nil && onlyTakesUp(c.gate.InForce(), lease)
	if first {
		if err := c.say(a); err != nil {
			return err
		}
	}
	if a.Lease != nil {
		if err := c.gate.Enforce(now, lease, c.surroundings(lease.Moved), c.giveNotice); err != nil {
			return err
		}
		if !lease.Released.Empty() {
			c.halfOpen.released(lease.Released, lease.Release)
		}
	}
	if !first {
		if err := c.say(a); err != nil {
			return err
		}
	}
	for _, r := range a.Relays {
		c.send(r.Heartbeat, segment.News)
	}
	if a.Broadcast != nil && !c.behind {
		c.part()
	}
	c.wake = time.Now().Add(a.Wake.Sub(clock.Now()))
	if len(a.Events) > 0 || a.Lease != nil && a.Lease.Moved || a.Broadcast != nil && c.looksOn() {
		c.publish(a.Events)
	}
	return nil
}

// onlyTakesUp says whether a lease lets in more of what the one before headed for, and
// takes nothing back, so that the heartbeat that goes with it need not wait for it. It
// had better not: where two nodes do not hear each other both ways, what this one takes up the
// other lets go of when it hears of that. What is newly headed for is parked before it is said.
func onlyTakesUp(before, l confirm.Lease) bool {
	return l.Moved && !l.Shrunk && l.Released.Empty() && l.Target.Equal(before.Target)
}

// say sends the heartbeat for everybody, if there is one. While this node reads what
// came while it stood still, the last one waits: it would say that this node has
// heard what it does not act on yet (around). To the others it is a heartbeat that
// was a little longer on its way.
func (c *Confirmation) say(a confirm.Actions) error {
	if a.Broadcast == nil {
		return nil
	}
	if c.behind {
		a.News = a.News || c.unsaid.News
		c.unsaid = a
		return nil
	}
	c.unsaid = confirm.Actions{}
	if a.News {
		if err := c.gate.Expect(c.around(clock.Now())); err != nil {
			return err
		}
	}
	c.releasing.said(a.Broadcast.Seq)
	kind := segment.News
	if c.lazy && !a.News && !c.missesSome() {
		kind = segment.Renewal
	}
	c.send(a.Broadcast, kind)
	return nil
}

// follow tells settling what this node states and holds from now on, before it is
// in force.
func (c *Confirmation) follow(now confirm.Time, events []confirm.Event, lease confirm.Lease) {
	for _, e := range events {
		switch e.Kind {
		case confirm.Fenced:
			c.settling.carryOut(c.settling.node.Fenced(now))
			if c.sticky != nil {
				old := c.gate.Granted()
				c.sticky.carryOut(c.sticky.node.Fenced(now, old != 0 && now >= old))
			}
		case confirm.BootRaised:
			c.halfOpen.restart(c.node.Boot())
		}
	}
	state := settle.State{
		Boot: c.node.Boot(), View: c.node.Stated().ID, Own: c.node.Own(), Held: lease.Held, Release: c.node.Release(),
	}
	c.settling.carryOut(c.settling.node.State(now, state))
	if c.sticky != nil {
		c.sticky.carryOut(c.sticky.node.State(now, state))
	}
}

// missesSome says whether nodes of the configuration are not in the view that this
// node heads for. They may be behind a cut that ends at any moment, and until they
// hear of each other both sides serve: then no heartbeat is to wait.
func (c *Confirmation) missesSome() bool { return len(c.node.Target().Members) < c.params.Nodes }

// giveNotice tells the others what this node lets go of, while it still makes sure
// of that.
func (c *Confirmation) giveNotice() { c.send(c.node.Preview(), segment.Notice) }

func (c *Confirmation) send(hb *confirm.Heartbeat, kind segment.Kind) {
	if c.silent {
		return
	}
	if kind != segment.Notice {
		c.spread(hb)
	}
	if err := c.wire.Send(hb, kind); err != nil {
		c.log.Error("a heartbeat was not sent", "err", err)
	}
}

// do lets an event happen and waits until what comes of it has been carried out.
// Any goroutine but the confirmation's own may call it.
func (c *Confirmation) do(happens func(now confirm.Time) confirm.Actions) {
	e := event{happens, make(chan struct{})}
	select {
	case c.asks <- e:
		c.wire.Interrupt()
	case <-c.ended:
		return
	}
	select {
	case <-e.done:
	case <-c.ended:
	}
}

// inTurn runs a function on the confirmation's goroutine, between two events, and waits
// for it.
func (c *Confirmation) inTurn(f func(now confirm.Time)) {
	c.do(func(now confirm.Time) confirm.Actions {
		f(now)
		return c.node.Tick(now)
	})
}
