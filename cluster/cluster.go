package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// ErrClosed is returned by methods of a Cluster that was shut down.
var ErrClosed = errors.New("cluster is shut down")

// Cluster is this node's membership in the farm. It owns sockets and goroutines
// until Shutdown. Its methods may be called from any goroutine.
type Cluster struct {
	list     *memberlist.Memberlist
	keyring  *memberlist.Keyring // nil where gossip is in clear
	delegate *delegate
	log      *logAdapter
	address  netip.AddrPort
	further  []netip.AddrPort // the same on other networks
	peers    []netip.AddrPort // configured, without this node itself
	tuning   tuning
	outboxes *outboxes

	updating sync.Mutex // serialises SetMeta

	closing sync.Mutex // guards closed, left and additions to work
	closed  bool
	left    bool
	joined  bool               // the rejoin loop runs
	work    sync.WaitGroup     // goroutines that use list
	ctx     context.Context    // done when they must end
	cancel  context.CancelFunc // ends them
}

// tuning is what tests make shorter or replace.
type tuning struct {
	joinTimeout time.Duration // before Join gives up
	retry       time.Duration // between two tries of one peer in Join
	rejoin      time.Duration // mean time between two rounds of rejoining
	update      time.Duration // until an update of the metadata must be out
	memberlist  func(*memberlist.Config)
	network     wrap
}

// Start opens the sockets and begins to gossip, knowing nobody yet. It does not
// wait for anybody: call Join for that. The caller must call Shutdown.
func Start(c Config) (*Cluster, error) { return start(c, tuning{}) }

func start(c Config, t tuning) (*Cluster, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	log := newLogAdapter(loggerOr(c.Logger))
	d := newDelegate(c.Name, newPaths(1+len(c.Further)), log)
	log.leaves = d.leaves
	mc, err := c.memberlistConfig(d, log)
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if t.memberlist != nil {
		t.memberlist(mc)
	}
	d.direct.interval = mc.ProbeInterval
	further, err := openTransport(mc, c.Further, d.paths, t.network)
	if err != nil {
		return nil, fmt.Errorf("start cluster on %s: %w", where(c), listenError(err))
	}
	meta, err := c.Meta.on(further).Encode()
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", errors.Join(err, mc.Transport.Shutdown()))
	}
	d.setMeta(meta)
	list, err := memberlist.Create(mc)
	if err != nil {
		return nil, fmt.Errorf("start cluster on %s: %w", where(c), errors.Join(err, mc.Transport.Shutdown()))
	}
	cl := &Cluster{list: list, keyring: mc.Keyring, delegate: d, log: log, address: d.own().Address, further: further, outboxes: newOutboxes()}
	cl.tuning = t.withDefaults(c, mc)
	cl.peers = others(c.Join, slices.Concat([]netip.AddrPort{c.Bind, cl.address}, c.Further, further)...)
	cl.ctx, cl.cancel = context.WithCancel(context.Background())
	return cl, nil
}

// where names the addresses of a configuration.
func where(c Config) string {
	text := c.Bind.String()
	for _, a := range c.Further {
		text += ", " + a.String()
	}
	return text
}

// listenError says what to do where that can be told.
func listenError(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program has that port: stop it, or change the port in cluster.bind", syscall.EADDRINUSE)
	}
	return err
}

func (t tuning) withDefaults(c Config, mc *memberlist.Config) tuning {
	t.joinTimeout = cmp.Or(t.joinTimeout, c.JoinTimeout, defaultJoinTimeout)
	t.retry = cmp.Or(t.retry, 250*time.Millisecond)
	t.rejoin = cmp.Or(t.rejoin, 3*time.Second)
	// An update is out after a few gossip intervals: 8 sends for 9 nodes, one a
	// round in a farm of two.
	t.update = cmp.Or(t.update, max(time.Second, 20*mc.GossipInterval))
	return t
}

// others returns the peers without the node's own addresses: joining oneself
// succeeds in memberlist, and would pass for having found the farm.
func others(peers []netip.AddrPort, own ...netip.AddrPort) []netip.AddrPort {
	var rest []netip.AddrPort
	for _, p := range peers {
		p = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
		if !slices.Contains(own, p) && !slices.Contains(rest, p) {
			rest = append(rest, p)
		}
	}
	return rest
}

// Address returns where this node gossips, with the port that it really has.
func (c *Cluster) Address() netip.AddrPort { return c.address }

// Cuts returns by which networks other nodes are not heard though they are by
// another one; nothing where there is one network. It takes some packets, and a
// second, until a cut shows.
func (c *Cluster) Cuts() []Cut { return c.delegate.paths.cuts() }

// Members returns all machines that gossip knows of, this node among them, sorted
// by name. Those that died stay listed for an hour, not alive. The list is the
// caller's own, but for Meta.Weights, which must not be changed.
func (c *Cluster) Members() []Member {
	list := c.delegate.list()
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Changed returns a channel that has something to receive when Members may have
// changed since the last receive. It is a bell with one slot: many changes may be
// one ring, so read Members afresh after each. It is never closed.
func (c *Cluster) Changed() <-chan struct{} { return c.delegate.bell }

// SetMeta changes what this node tells of itself, in its own Members at once, and
// returns when it was sent, which takes some gossip intervals (0.2 s with profile
// fast, 2 s with wan). Never call it from a delegate of memberlist. On an error
// the change is made, but may reach the others late.
func (c *Cluster) SetMeta(m Meta) error {
	meta, err := m.on(c.further).Encode()
	if err != nil {
		return err
	}
	c.updating.Lock()
	defer c.updating.Unlock()
	if !c.begin() {
		return ErrClosed
	}
	defer c.work.Done()
	c.delegate.setMeta(meta)
	// memberlist drops an update without a word when it refutes an accusation in
	// the same moment: the refutation, with the old metadata, takes a higher
	// incarnation number. So look whether the update is there.
	for range 5 {
		err = c.list.UpdateNode(c.tuning.update)
		if now, encodeErr := c.delegate.own().Meta.Encode(); encodeErr == nil && bytes.Equal(now, meta) {
			break
		}
		err = errors.Join(err, errors.New("memberlist kept the old metadata"))
	}
	if err != nil {
		return fmt.Errorf("tell the farm about a change of this node: %w", err)
	}
	return nil
}

// HealthScore is memberlist's opinion of this node's own responsiveness: 0 is
// well, each point slows its probes down by one interval.
func (c *Cluster) HealthScore() int { return c.list.GetHealthScore() }

// RefusedMessages counts the messages that were refused since Start because their
// sender has another key or another label.
func (c *Cluster) RefusedMessages() uint64 { return c.log.refused.Load() }

// Leave tells the farm that this node goes, so that it need not be missed first.
// It returns when that was sent, or after the timeout: with an error if another node
// stays that was to be told. Set phase Leaving before, so that the others can tell this
// from a crash afterwards. Joining ends with it.
func (c *Cluster) Leave(timeout time.Duration) error {
	if !c.begin() {
		return ErrClosed
	}
	defer c.work.Done()
	c.cancel()
	c.closing.Lock()
	c.left = true
	c.closing.Unlock()
	self := c.list.LocalNode().Name // not known any more afterwards
	// Where all go at once, memberlist has nobody left to send to, and waits in vain.
	if err := c.list.Leave(timeout); err != nil && c.anyStays(self) {
		return fmt.Errorf("leave the farm: %w", err)
	}
	return nil
}

// anyStays tells whether there is another node that stays, as far as is known here.
func (c *Cluster) anyStays(self string) bool {
	return slices.ContainsFunc(c.delegate.list(), func(m Member) bool {
		return m.Alive && m.Name != self && m.Meta.Phase != Leaving
	})
}

// Shutdown closes the sockets and waits for the goroutines that Join and Send
// started; a message that is under way may take two seconds.
// Without Leave before, the others take it for a crash. It may be called more
// than once.
func (c *Cluster) Shutdown() error {
	c.cancel()
	c.closing.Lock()
	c.closed = true
	c.closing.Unlock()
	c.work.Wait()
	c.log.closing.Store(true)
	if err := c.list.Shutdown(); err != nil {
		return fmt.Errorf("shut cluster down: %w", err)
	}
	return nil
}

// begin counts one more user of the memberlist, for whom Shutdown waits, and says
// whether there may be one. The user calls c.work.Done.
func (c *Cluster) begin() bool {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return false
	}
	c.work.Add(1)
	return true
}
