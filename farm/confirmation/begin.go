package confirmation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"thresher/cluster/confirm"
	"thresher/cluster/segment"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/division"
	"thresher/farm/gate"
	"thresher/pipeline"
)

// newConfirmation is one that has nothing open but the wire.
func newConfirmation(o Options, wire *segment.Conn) *Confirmation {
	ids := division.RuleIDs(o.Config.Rules)
	c := &Confirmation{
		wire: wire, path: o.Path, gate: gate.New(o.Path, ids, clock.Now, o.Log), log: o.Log,
		rules: o.Rules, leftovers: o.Leftovers,
		self: o.Config.Node, ids: ids, divider: division.Divider{Rules: o.Config.Rules}, everything: everything(ids), silent: true,
		divisions: make(map[confirm.ViewID]*division.Division), portions: make(map[portion]confirm.Buckets),
		draws: make(chan string, 64), drawn: make(map[string]confirm.Time),
		notices: make(notices), onWire: make(map[string]confirm.Time), met: make(acquaintances),
		asks: make(chan event, 1), ended: make(chan struct{}), bell: make(chan struct{}, 1), parting: make(chan parting, 1),
		params: ParamsFor(o.Config, o.Config.Cluster.Nodes()), apart: o.Apart,
	}
	c.lazy = c.params.AllowsLateReading()
	return c
}

// Open makes the node: the one that was handed over from before, if that can be gone on
// with, else a new one; before is nil if nothing was. Its first lease is carried out, but
// nothing is said before Begin. Where it fails and returns a confirmation nevertheless, the
// packet path has to do with that already: then it is for the caller to close.
func Open(o Options, before *Handed) (*Confirmation, error) {
	// A farm that goes without a key seals with a known one: that keeps farms on one
	// segment from hearing each other by accident only as far as their nodes' names differ.
	wire, err := segment.Open(o.Interface, o.Config.Cluster.SealKeys()...)
	if err != nil {
		return nil, err
	}
	c := newConfirmation(o, wire)
	if c.sender, err = openSender(o.Interface); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	meta, err := o.Meta.Encode()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.config = confirm.Config{
		Name: o.Config.Node, Boot: uint64(time.Now().UnixNano()), Params: c.params,
		Meta: string(meta), Assign: c.assign,
	}
	if err := c.restore(before); err != nil {
		return c, fmt.Errorf("cluster: %w", err)
	}
	if err := c.openFlows(o); err != nil {
		return c, err
	}
	if c.resumed {
		c.resume(before)
	}
	if c.first.Lease == nil {
		return c, nil
	}
	now, lease := clock.Now(), *c.first.Lease
	c.first.Lease = nil
	c.follow(now, nil, lease)
	// What this node goes on with it has not gained from anybody.
	around := c.surroundings(false)
	around.HandedOver = true
	return c, c.gate.Enforce(now, lease, around, func() {})
}

// Begin says what the node has to say first, and lets it live. failed is told why
// it ended, if it ends by itself.
func (c *Confirmation) Begin(failed func(error)) error {
	if err := c.carryOut(c.first); err != nil {
		return err
	}
	if c.resumed {
		c.pause = clock.Now().Sub(c.since)
	}
	c.publish(nil)
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.draw(clock.Now(), c.self) // while nobody else does
	if c.resumed {
		c.releaseAnew()
	}
	c.running.Go(func() { failed(c.run(ctx)) })
	c.running.Go(func() { c.compute(ctx) })
	c.running.Go(func() { c.passOn(ctx) })
	if c.sticky != nil {
		c.running.Go(func() { c.sticky.serve(ctx) })
	}
	return nil
}

// halt ends the node's life; the others hear nothing of it any more. Whoever waits for
// its turn waits no more, also where it has not begun.
func (c *Confirmation) halt() {
	if c.stop == nil {
		close(c.ended)
		return
	}
	c.stop()
	<-c.ended
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
func (c *Confirmation) openFlows(o Options) (err error) {
	if c.settling, err = newSettling(o.Config, c.rules, c.ids, c.node.Boot(), c.params.Nodes, c.post, c.log); err != nil {
		return err
	}
	c.settling.do = c.inTurn
	if c.routing = newRouting(o.Config, c); c.routing != nil {
		c.settling.reported = c.routing.reaches.Reported
	}
	if c.halfOpen, err = newHalfOpen(o.Config, c.rules, c.ids, c.node.Boot(), c.post, c.log); err != nil {
		return err
	}
	c.halfOpen.do = c.inTurn
	if c.sticky, err = newStickiness(o, c.ids, c.node.Boot(), c.params); err != nil || c.sticky == nil {
		return err
	}
	c.sticky.post, c.sticky.postBestEffort, c.sticky.do = c.post, c.postBestEffort, c.inTurn
	return nil
}

// ParamsFor are the timings that the file asks for.
func ParamsFor(cfg *config.Config, nodes int) confirm.Params {
	p := confirm.ParamsFor(cfg.Cluster.Timings())
	p.Nodes = nodes
	if cfg.Cluster.Partition == config.Majority {
		p.Partition = confirm.Majority
	}
	return p
}

// Close ends listening and sending, and returns when nothing goes on any more that needs
// the packet path.
func (c *Confirmation) Close() error {
	c.halt()
	var errs []error
	if c.sender != nil {
		errs = append(errs, c.sender.close())
	}
	if c.settling != nil {
		errs = append(errs, c.settling.close())
	}
	if c.sticky != nil {
		errs = append(errs, c.sticky.close())
	}
	if c.halfOpen != nil {
		errs = append(errs, c.halfOpen.close())
	}
	c.running.Wait()
	return errors.Join(append(errs, c.wire.Close())...)
}
