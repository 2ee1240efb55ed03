package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/pipeline"
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

	settling *settling
	halfOpen *halfOpen
	sticky   *stickiness

	gossip    atomic.Pointer[cluster.Cluster] // nil until connect
	apart     bool                            // gossip has a network of its own
	reachable []string                        // the other nodes that gossip reaches
	onWire    map[string]confirm.Time         // when each was last heard on the VIPs' interface
	told      uint64                          // the version of half-open handshakes that the packet path knows

	notices  notices
	others   others              // as of heading and answered
	heading  confirm.ViewID      // this node's target then
	answered []confirm.PeerViews // what the others said then
	said     []confirm.PeerViews // scratch
	going    []string            // scratch
	foreseen struct {
		target  confirm.ViewID
		since   confirm.Time
		members int // of the target, of which it is worked out what their going brings
	}

	everything confirm.Buckets

	draws chan string     // names whose draws are to be computed beforehand
	drawn map[string]bool // names that were put into it

	params confirm.Params
	config confirm.Config
	lazy   bool          // renewals may wait for the receiver's own next heartbeat
	met    acquaintances // of the peers that may be letting flows in

	// behind is set while the node reads what came while it stood still: what it
	// knows of the others is old.
	behind   bool
	listened confirm.Time // when it had last read everything

	silent bool // nothing is sent: the farm may refuse this node its name

	self      string
	ids       []confirm.RuleID
	shares    shares
	divisions map[confirm.ViewID]*division // of the views lately computed
	shared    map[share]confirm.Buckets    // of the same views

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
	// settled is where settling stands, unsettled are the buckets that it is about.
	settled settle.Status
	// sticky are the buckets in which others than the owner may keep clients.
	sticky    confirm.Buckets
	unsettled confirm.Buckets
}

// event is something for the state machine. done is closed when what comes of it
// has been carried out.
type event struct {
	happens func(now confirm.Time) confirm.Actions
	done    chan struct{}
}

// maxDivisions bounds how many views' divisions are kept.
const maxDivisions = 64

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
		shared:     make(map[share]confirm.Buckets),
		everything: everything(ids), silent: true, draws: make(chan string, 64), drawn: make(map[string]bool), notices: make(notices), onWire: make(map[string]confirm.Time), met: make(acquaintances),
		asks: make(chan event, 1), ended: make(chan struct{}),
		bell: make(chan struct{}, 1), parting: make(chan parting, 1),
	}
	if c.apart, err = apart(p.nic, p.cfg.Cluster.Bind.Addr()); err != nil {
		return nil, errors.Join(err, c.close())
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
	if err := c.openFlows(p); err != nil {
		return c, err
	}
	if p.handed != nil && p.handed.resumed {
		c.since = p.handed.Taken
		c.silent = false // The name is this node's already.
		c.resumeSettling()
		c.resumeSticky()
	}
	if c.first.Lease == nil {
		return c, nil
	}
	now, lease := bootTime(), *c.first.Lease
	c.first.Lease = nil
	c.follow(now, nil, lease)
	// What this node goes on with it has not gained from anybody.
	around := c.surroundings(false)
	around.handedOver = true
	return c, c.gate.set(now, lease, around, func() {})
}

// resumeSettling tells settling of the peers that the process before this one
// knew: until each has reported anew, it may have flows in what this node holds.
func (c *confirmation) resumeSettling() {
	var before []settle.Member
	for _, p := range c.node.Status().Peers {
		if p.Heard >= 0 {
			before = append(before, settle.Member{Name: p.Name, Boot: p.Boot, Standing: settle.Alive})
		}
	}
	c.settling.carryOut(c.settling.node.Members(bootTime(), before))
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
	go c.compute(ctx)
	if c.sticky != nil {
		go c.sticky.serve(ctx)
	}
	c.draw(c.self)
	return nil
}

// halt ends the node's life; the others hear nothing of it any more.
func (c *confirmation) halt() {
	if c.stop != nil {
		c.stop()
		<-c.ended
	}
}

// everything is every bucket of the rules.
func everything(ids []confirm.RuleID) confirm.Buckets {
	all := confirm.NewBitmap(pipeline.Buckets)
	for b := range pipeline.Buckets {
		all.Set(b)
	}
	rules := make(map[confirm.RuleID]*confirm.Bitmap)
	for _, id := range ids {
		rules[id] = all
	}
	return confirm.BucketsOf(rules)
}

// openFlows prepares what knows of this machine's connections and of the others'.
func (c *confirmation) openFlows(p *parts) (err error) {
	if c.settling, err = newSettling(p.cfg, p.datapath.rules, c.ids, c.node.Boot(), c.post, c.log); err != nil {
		return err
	}
	c.settling.do = c.run1
	if c.halfOpen, err = newHalfOpen(p.cfg, p.datapath.rules, c.ids, c.node.Boot(), c.post, c.log); err != nil {
		return err
	}
	c.halfOpen.do = c.run1
	if c.sticky, err = newStickiness(p.cfg, p.datapath, c.ids, c.node.Boot(), c.params, c.log); err != nil || c.sticky == nil {
		return err
	}
	c.sticky.post, c.sticky.postBestEffort, c.sticky.do = c.post, c.postBestEffort, c.run1
	return nil
}

// addresses are the VIPs' own.
func addresses(vips []config.VIP) []netip.Addr {
	list := make([]netip.Addr, len(vips))
	for i, v := range vips {
		list[i] = v.Address
	}
	return list
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
		clear(c.shared)
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
		if err := c.lookAfterFlows(); err != nil {
			return err
		}
	}
	return nil
}

// listen feeds the heartbeats that wait, before anything else learns what time it
// is: what this process did not read while it was stopped is not silence. It lets
// time pass in any case.
func (c *confirmation) listen() (err error) {
	c.behind = c.listened != 0 && bootTime().Sub(c.listened) > 2*c.params.Heartbeat
	defer func() { c.behind, c.listened = false, bootTime() }()
	heard := c.wire.Receive(func(hb *confirm.Heartbeat, kind segment.Kind) {
		now := bootTime()
		switch {
		case err != nil:
		case kind == segment.Notice:
			c.notices.take(now, hb)
		default:
			c.draw(hb.Name)
			c.onWire[hb.Name] = now
			c.heard(now, hb)
			err = c.carryOut(c.node.Receive(now, hb))
		}
	})
	if heard == 0 && err == nil {
		err = c.carryOut(c.node.Tick(bootTime()))
	}
	return err
}

// heard tells what knows of flows and clients of a peer's heartbeat.
func (c *confirmation) heard(now confirm.Time, hb *confirm.Heartbeat) {
	c.settling.carryOut(c.settling.node.Heard(now, hb))
	if c.sticky != nil {
		c.sticky.carryOut(c.sticky.node.Heard(now, hb))
	}
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

// lookAfterFlows lets time pass for what knows of flows, here and elsewhere, and
// tells the packet path what has changed.
func (c *confirmation) lookAfterFlows() error {
	now := bootTime()
	if wake := c.settling.wake; wake != 0 && now >= wake {
		c.settling.carryOut(c.settling.node.Tick(now))
	}
	wakes := []confirm.Time{c.settling.wake, c.halfOpen.tick(now)}
	if c.sticky != nil {
		if wake := c.sticky.wake; wake != 0 && now >= wake {
			c.sticky.carryOut(c.sticky.node.Tick(now))
		}
		wakes = append(wakes, c.sticky.wake)
	}
	if v := c.halfOpen.others.Version(); v != c.told {
		if err := c.gate.datapath.halfOpen(c.halfOpen.others.Tuples()); err != nil {
			return err
		}
		c.told = v
	}
	withheld := !c.gate.withheld.Empty()
	if err := c.gate.review(now, c.surroundings(withheld)); err != nil {
		return err
	}
	if c.sticky != nil {
		if err := c.sticky.flush(); err != nil {
			return err
		}
	}
	if withheld {
		wakes = append(wakes, c.gate.patience)
	}
	for _, w := range wakes {
		if w != 0 {
			c.wakeBy(w)
		}
	}
	c.foresee(now)
	return nil
}

// wakeBy has run go on at that time at the latest.
func (c *confirmation) wakeBy(t confirm.Time) {
	if at := time.Now().Add(t.Sub(bootTime())); at.Before(c.wake) {
		c.wake = at
	}
}

// surroundings are what the gate must know beside the lease; handOver says whether
// that of the half-open handshakes counts.
func (c *confirmation) surroundings(handOver bool) surroundings {
	var sticky confirm.Buckets
	if c.sticky != nil {
		sticky = c.sticky.unsettled
	}
	return surroundings{
		unsettled: c.settling.unsettled, sticky: sticky, others: c.around(bootTime()), handedOver: handOver && c.handedOver(),
	}
}

// handedOver says whether the half-open handshakes of every release have come
// that the others' heartbeats tell of.
func (c *confirmation) handedOver() bool {
	for _, p := range c.node.Status().Peers {
		if c.hears(p) && !c.halfOpen.others.Complete(p.Name, p.Boot, p.Release) {
			return false
		}
	}
	return true
}

// hears says whether a peer was heard lately.
func (c *confirmation) hears(p confirm.PeerStatus) bool {
	return p.Heard >= 0 && p.Heard < c.params.Eviction
}

// carryOut does what the protocol says, in the order in which it must be done.
func (c *confirmation) carryOut(a confirm.Actions) error {
	now := bootTime()
	lease := c.gate.lease
	if a.Lease != nil {
		lease = *a.Lease
	}
	c.follow(now, a.Events, lease)
	if a.Lease != nil {
		if err := c.gate.set(now, lease, c.surroundings(lease.Moved), c.giveNotice); err != nil {
			return err
		}
		if !lease.Released.Empty() {
			c.halfOpen.released(lease.Released, lease.Release)
		}
	}
	if a.Broadcast != nil {
		kind := segment.News
		if c.lazy && !a.News {
			kind = segment.Renewal
		}
		c.send(a.Broadcast, kind)
	}
	for _, r := range a.Relays {
		c.send(r.Heartbeat, segment.News)
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

// follow tells settling what this node states and holds from now on, before it is
// in force.
func (c *confirmation) follow(now confirm.Time, events []confirm.Event, lease confirm.Lease) {
	for _, e := range events {
		switch e.Kind {
		case confirm.Fenced:
			c.settling.carryOut(c.settling.node.Fenced(now))
			if c.sticky != nil {
				old := c.gate.lease.Deadline
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

// looksOn says whether a node that takes no part sees others share the farm in
// another way than before.
func (c *confirmation) looksOn() bool {
	shown := c.shown()
	return shown != nil && shown.status.Phase != confirm.Up && shown.observed.view.ID != c.node.Observed().ID
}

// giveNotice tells the others what this node lets go of, while it still makes sure
// of that.
func (c *confirmation) giveNotice() { c.send(c.node.Preview(), segment.Notice) }

func (c *confirmation) send(hb *confirm.Heartbeat, kind segment.Kind) {
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

// paint makes a new picture, and tells who is there to those that hand over.
func (c *confirmation) paint() {
	boots := make(map[string]uint64)
	for _, p := range c.node.Status().Peers {
		if c.hears(p) {
			boots[p.Name] = p.Boot
		}
	}
	c.halfOpen.members(boots)
	c.picture.Store(&picture{
		status: c.node.Status(), target: c.division(c.node.Target()), observed: c.division(c.node.Observed()),
		lease: c.gate.lease, wire: c.wire.Counters(),
		settled: c.settling.node.Status(), unsettled: c.gate.unsettled, sticky: c.gate.sticky,
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

// run1 runs a function on the confirmation's goroutine and waits for it.
func (c *confirmation) run1(f func(now confirm.Time)) {
	c.do(func(now confirm.Time) confirm.Actions {
		f(now)
		return c.node.Tick(now)
	})
}

// speak lets heartbeats out. Before, the farm has not taken the node in: were its
// name another node's, the others would hear a new process of that one, and the
// other would give way to it.
func (c *confirmation) speak() {
	c.do(func(now confirm.Time) confirm.Actions {
		c.silent = false
		return c.node.Tick(now)
	})
}

// up asks for this node to take its part; leave gives it up. When leave returns,
// no new flow is let in any more.
func (c *confirmation) up()    { c.do(c.node.Up) }
func (c *confirmation) leave() { c.do(c.node.Leave) }

// members tells who there is, by the membership.
func (c *confirmation) members(members []settle.Member) {
	var alive []string
	for _, m := range members {
		if m.Standing == settle.Alive {
			alive = append(alive, m.Name)
		}
	}
	c.do(func(now confirm.Time) confirm.Actions {
		c.reachable = slices.DeleteFunc(slices.Clone(alive), func(name string) bool { return name == c.self })
		c.settling.carryOut(c.settling.node.Members(now, members))
		return c.node.Members(now, alive)
	})
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
	errs := []error{c.wire.Close()}
	if c.settling != nil {
		errs = append(errs, c.settling.close())
	}
	if c.sticky != nil {
		errs = append(errs, c.sticky.close())
	}
	if c.halfOpen != nil {
		errs = append(errs, c.halfOpen.close())
	}
	return errors.Join(errs...)
}
