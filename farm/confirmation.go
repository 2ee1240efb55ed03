package farm

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/config"
)

// confirmation runs this node's side of the confirmation protocol: it feeds the
// protocol's state machine with heartbeats, members and time, and carries out
// what comes of it. It alone decides what the packet path lets in. Its goroutine
// does nothing else, so that no slow work delays a heartbeat.
type confirmation struct {
	node *confirm.Node
	wire *segment.Conn
	gate *gate
	log  *slog.Logger

	params confirm.Params
	config confirm.Config
	lazy   bool // renewals may wait for the receiver's own next heartbeat

	self      string
	ids       []confirm.RuleID
	shares    shares
	divisions map[confirm.ViewID]*division // of the views lately computed

	first   confirm.Actions    // of the node's first instant, until begin
	since   confirm.Time       // when a node that goes on was last heard
	pause   time.Duration      // for how long it was not
	stop    context.CancelFunc // ends run
	parting chan parting       // who waits for the snapshot that ends the node's life here

	asks    chan event
	ended   chan struct{}
	wake    time.Time // when the protocol wants to be told the time
	bell    chan struct{}
	picture atomic.Pointer[picture]
}

// picture is what the rest of the daemon sees of the confirmation. It is never
// changed after it was published.
type picture struct {
	status confirm.Status
	// target is how the view that the node heads for divides the buckets,
	// observed how the view does by which clients are served now.
	target, observed *division
	lease            confirm.Lease
	wire             segment.Counters
}

// event is something for the state machine. done is closed when what comes of it
// has been carried out.
type event struct {
	happens func(now confirm.Time) confirm.Actions
	done    chan struct{}
}

// maxDivisions bounds how many views' divisions are kept.
const maxDivisions = 16

// openConfirmation makes the node: the one that h has, if it has one, else a new
// one. Its first lease is carried out, but nothing is said before begin.
func openConfirmation(p *parts, h *handed) (*confirmation, error) {
	a := p.nic.Attrs()
	wire, err := segment.Open(&net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr, Flags: a.Flags}, farmKey(p.cfg))
	if err != nil {
		return nil, err
	}
	ids := ruleIDs(p.cfg.Rules)
	c := &confirmation{
		wire: wire, gate: &gate{datapath: p.datapath, ids: ids, log: p.log}, log: p.log,
		self: p.cfg.Node, ids: ids, shares: shares{rules: p.cfg.Rules}, divisions: make(map[confirm.ViewID]*division),
		asks: make(chan event, 1), ended: make(chan struct{}),
		bell: make(chan struct{}, 1), parting: make(chan parting, 1),
	}
	if p.hooks != nil {
		// Connections from before are here, in whatever bucket.
		c.gate.unsettled = everyBucket(ids)
	}
	meta, err := p.meta(cluster.Up).Encode()
	if err != nil {
		return nil, err
	}
	c.params = confirmParams(p.cfg, p.configured())
	c.lazy = c.params.AllowsLateReading()
	c.config = confirm.Config{
		Name: p.cfg.Node, Boot: uint64(time.Now().UnixNano()), Params: c.params,
		Meta: string(meta), Assign: c.assign,
	}
	if c.node, c.first, err = h.restore(c.config, p.log); err != nil {
		return c, fmt.Errorf("cluster: %w", err)
	}
	if p.handed != nil && p.handed.resumed {
		c.since = p.handed.Taken
	}
	if c.first.Lease == nil {
		return c, nil
	}
	lease := *c.first.Lease
	c.first.Lease = nil
	return c, c.gate.set(lease)
}

// begin says what the node has to say first, and lets it live. failed is told why
// it ended, if it ends by itself.
func (c *confirmation) begin(failed func(error)) error {
	if err := c.carryOut(c.first); err != nil {
		return err
	}
	if c.since != 0 {
		c.pause = bootTime().Sub(c.since)
	}
	c.publish(nil)
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go func() { failed(c.run(ctx)) }()
	return nil
}

// halt ends the node's life; the others hear nothing of it any more.
func (c *confirmation) halt() {
	if c.stop != nil {
		c.stop()
		<-c.ended
	}
}

// farmKey seals heartbeats. A farm that goes without a key seals with a known
// one: that keeps farms on one segment from hearing each other by accident only
// as far as their nodes' names differ.
func farmKey(cfg *config.Config) (key [32]byte) {
	if !cfg.Cluster.Insecure {
		key = cfg.Cluster.Keys.Gossip
	}
	return key
}

// confirmParams are the timings of a profile.
func confirmParams(cfg *config.Config, nodes int) confirm.Params {
	p := confirm.DefaultParams()
	switch cfg.Cluster.Profile {
	case config.Fastest:
		p = confirm.FastestParams()
	case config.LAN:
		p = confirm.LANParams()
	case config.WAN:
		p = confirm.WANParams()
	}
	p.Nodes = nodes
	if cfg.Cluster.Partition == config.Majority {
		p.Partition = confirm.Majority
	}
	return p
}

// bootTime is the present as the protocol has it.
func bootTime() confirm.Time { return confirm.Time(bootNow()) }

// assign computes what a view gives to this node.
func (c *confirmation) assign(v confirm.View) confirm.Buckets {
	return c.division(v).of(c.self, c.ids)
}

// division is how a view divides the buckets.
func (c *confirmation) division(v confirm.View) *division {
	if d := c.divisions[v.ID]; d != nil {
		return d
	}
	if len(c.divisions) >= maxDivisions {
		clear(c.divisions)
	}
	d := c.shares.divide(cluster.Resolve(v))
	c.divisions[v.ID] = &d
	return &d
}

// run drives the protocol until ctx is done or the packet path fails.
func (c *confirmation) run(ctx context.Context) error {
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
	}
	return nil
}

// listen feeds the heartbeats that wait, before anything else learns what time it
// is: what this process did not read while it was stopped is not silence. It lets
// time pass in any case.
func (c *confirmation) listen() (err error) {
	heard := c.wire.Receive(func(hb *confirm.Heartbeat) {
		if err == nil {
			err = c.carryOut(c.node.Receive(bootTime(), hb))
		}
	})
	if heard == 0 && err == nil {
		err = c.carryOut(c.node.Tick(bootTime()))
	}
	return err
}

// answer lets the events happen that others of the daemon ask for.
func (c *confirmation) answer() error {
	for {
		select {
		case e := <-c.asks:
			if err := c.carryOut(e.happens(bootTime())); err != nil {
				return err
			}
			close(e.done)
		default:
			return nil
		}
	}
}

// carryOut does what the protocol says, in the order in which it must be done.
func (c *confirmation) carryOut(a confirm.Actions) error {
	if a.Lease != nil {
		if err := c.gate.set(*a.Lease); err != nil {
			return err
		}
	}
	if a.Broadcast != nil {
		c.send(a.Broadcast, a.News || !c.lazy)
	}
	for _, r := range a.Relays {
		c.send(r.Heartbeat, true)
	}
	if a.Broadcast != nil {
		c.part()
	}
	c.wake = time.Now().Add(a.Wake.Sub(bootTime()))
	if len(a.Events) > 0 || a.Lease != nil && a.Lease.Moved || a.Broadcast != nil && c.looksOn() {
		c.publish(a.Events)
	}
	return nil
}

// looksOn says whether a node that takes no part sees others share the farm in
// another way than before.
func (c *confirmation) looksOn() bool {
	shown := c.shown()
	return shown != nil && shown.status.Phase != confirm.Up && shown.observed.view.ID != c.node.Observed().ID
}

func (c *confirmation) send(hb *confirm.Heartbeat, news bool) {
	if err := c.wire.Send(hb, news); err != nil {
		c.log.Error("a heartbeat was not sent", "err", err)
	}
}

// publish shows the others in the daemon where the protocol stands, and rings.
func (c *confirmation) publish(events []confirm.Event) {
	for _, e := range events {
		c.log.Debug("confirmation", "event", e.Kind, "peer", e.Peer, "phase", e.Phase, "view", fmt.Sprintf("%016x", uint64(e.View)))
	}
	c.paint()
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

// paint makes a new picture.
func (c *confirmation) paint() {
	c.picture.Store(&picture{
		status: c.node.Status(), target: c.division(c.node.Target()), observed: c.division(c.node.Observed()),
		lease: c.gate.lease, wire: c.wire.Counters(),
	})
}

// do lets an event happen and waits until what comes of it has been carried out.
// Any goroutine but the confirmation's own may call it.
func (c *confirmation) do(happens func(now confirm.Time) confirm.Actions) {
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

// up asks for this node to take its part; leave gives it up. When leave returns,
// no new flow is let in any more.
func (c *confirmation) up()    { c.do(c.node.Up) }
func (c *confirmation) leave() { c.do(c.node.Leave) }

// members tells who is alive by the membership.
func (c *confirmation) members(alive []string) {
	c.do(func(now confirm.Time) confirm.Actions { return c.node.Members(now, alive) })
}

// shown is the picture as it was at the last change, look as it is now.
func (c *confirmation) shown() *picture { return c.picture.Load() }

func (c *confirmation) look() *picture {
	c.do(func(now confirm.Time) confirm.Actions {
		a := c.node.Tick(now)
		c.paint()
		return a
	})
	return c.shown()
}

// close ends listening and sending.
func (c *confirmation) close() error {
	c.halt()
	return c.wire.Close()
}
