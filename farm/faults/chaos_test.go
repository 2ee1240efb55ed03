package faults

import (
	"context"
	"flag"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

var (
	chaosSeed = flag.Uint64("chaos.seed", 0, "the seed of the chaos; 0 takes another one each time")
	chaosSYNs = flag.Int("chaos.syns", 0, "send so many SYNs during the chaos; 0 goes on for some 15 s")
	chaosSoak = flag.Duration("chaos.soak", 0, "go on for so long instead, with nodes that are spared some faults, to see what lasts")
)

// What chaos does at once, and for how long.
const (
	chaosRate  = 2000 // SYNs a second
	chaosShort = 15 * time.Second
	worstPause = 1200 * time.Millisecond // between two faults
	worstFault = 2500 * time.Millisecond // until one is mended
	// quietAfter is how long after the last fault the farm may take to serve all. A
	// node whose cable was out often is held back for a minute at most (farm/damper.go).
	quietAfter = 80 * time.Second
	// goesOn is how long the kernel of a node goes on at most whose daemon does not: by
	// the lease, and what a busy machine adds.
	goesOn = 900 * time.Millisecond
)

// TestChaos breaks a farm of four at random, from a seed that is printed: nodes
// stop, drain, start, die, restart, hang; the switch splits, cuts one way, loses. Each fault is
// mended after a random time, and several are there at once. Meanwhile SYNs come in
// and connections are kept.
//
// At every moment: no SYN is answered by two nodes, but for the instant at which a
// split ends (partition serve). When all is quiet: every SYN is answered, each bucket
// by one node.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again: just chaos %d", seed)
	length := chaosShort
	switch {
	case *chaosSoak > 0:
		length = *chaosSoak
	case *chaosSYNs > 0:
		length = time.Duration(*chaosSYNs) * time.Second / chaosRate
	}
	f := farmtest.NewFor(t, binary, 5*time.Minute+2*length, lab.Config{Nodes: 4}, lab.FarmOptions{
		TCPPorts: []int{farmtest.EchoPort}, Affinity: "session",
	})
	f.StartEcho(f.Nodes...)
	f.StartAll()
	f.Settle(f.Nodes...)
	c := &chaos{Farm: f, random: rand.New(rand.NewPCG(seed, 0)), length: length, busy: make(map[string]bool), late: farmtest.WatchLateness(t)}
	if *chaosSoak > 0 {
		c.soak = newSoak(f)
		defer c.soak.check(t)
	}
	c.run()
}

// chaos is one run. Its dice alone decide what happens, so that a seed repeats it,
// but for what the machine's own timing does.
type chaos struct {
	*farmtest.Farm
	random  *rand.Rand
	length  time.Duration
	soak    *soak           // nil but for a soak
	busy    map[string]bool // nodes with a fault that is not mended
	pending []mending
	late    *farmtest.Lateness
	excused []span               // in which two nodes may not have heard each other yet
	reached map[string]time.Time // when a node was last reconnected
	silent  time.Time            // when a node last fell silent with its kernel going on
	deaths  map[string]bool
	done    map[string]int                   // what was done, how often
	server  map[netip.AddrPort]config.MAC    // whose the kept connections are
	resets  map[netip.AddrPort]lab.FlowReset // of those
}

// mending ends a fault.
type mending struct {
	at   time.Time
	mend func()
}

type span struct{ from, to time.Time }

// run is the whole test.
func (c *chaos) run() {
	c.reached = make(map[string]time.Time)
	c.deaths, c.done = make(map[string]bool), make(map[string]int)
	watch := c.Watch()
	kept, err := traffic.Keep(c.Ctx, c.Client, traffic.KeepOptions{To: farmtest.Echo(), Busy: 60, Idle: 60, Patience: 60 * time.Second})
	c.Must(err)
	c.T.Cleanup(func() { c.Must(kept.Close()) })
	c.Must(watch.Settle(c.Ctx, 100*time.Millisecond))
	c.server, c.resets = make(map[netip.AddrPort]config.MAC), make(map[netip.AddrPort]lab.FlowReset)
	for _, h := range watch.All() {
		c.server[h.Client] = h.By[0]
	}
	flood := c.Flood(chaosRate)
	doubles := c.storm(watch)
	c.T.Logf("done: %v", c.done)
	sent := flood.Stop()
	c.Must(watch.Settle(c.Ctx, 500*time.Millisecond))
	doubles += c.judge(watch)
	c.T.Logf("%d SYNs, %d of them answered twice while nodes had not heard each other", sent, doubles)
	c.quiet(watch)
	c.keptOn(kept, watch)
}

// storm breaks and mends until it is over, and then mends the rest.
func (c *chaos) storm(watch *lab.Handshakes) (excused int) {
	end := time.Now().Add(c.length)
	judged := time.Now()
	for time.Now().Before(end) {
		c.Pass(time.Duration(c.random.Int64N(int64(worstPause))))
		c.mendDue(time.Now())
		c.strike()
		if c.soak != nil {
			c.soak.sample(time.Now())
		}
		if time.Since(judged) > time.Minute {
			// What is known grows by thousands a second: judged and forgotten.
			c.Must(watch.Settle(c.Ctx, 0))
			excused += c.judge(watch)
			c.forget(watch)
			judged = time.Now()
		}
	}
	c.mendDue(end.Add(time.Hour))
	return excused
}

// mendDue ends the faults whose time has come.
func (c *chaos) mendDue(now time.Time) {
	slices.SortStableFunc(c.pending, func(a, b mending) int { return a.at.Compare(b.at) })
	for len(c.pending) > 0 && !c.pending[0].at.After(now) {
		next := c.pending[0]
		c.pending = c.pending[1:]
		next.mend()
	}
}

// strike breaks something, if there is something whole.
func (c *chaos) strike() {
	faults := []struct {
		name string
		do   func(*lab.Node) (mend func())
	}{
		{"stop", c.stop}, {"drain", c.drain}, {"kill", c.kill}, {"restart", c.restart}, {"end", c.end}, {"hang", c.hang},
		{"port", c.port}, {"split", c.split}, {"one way", c.oneWay}, {"loss", c.lose}, {"gossip", c.gossip},
	}
	fault := faults[c.random.IntN(len(faults))]
	n := c.Nodes[c.random.IntN(len(c.Nodes))]
	length := 100*time.Millisecond + time.Duration(c.random.Int64N(int64(worstFault)))
	// One node stays whole, so that somebody is there to serve.
	if c.busy[n.Name] || len(c.busy) >= len(c.Nodes)-1 || c.soak != nil && c.soak.spares(n, fault.name) {
		return
	}
	c.busy[n.Name] = true
	c.done[fault.name]++
	c.T.Logf("%s %s %s for %v", time.Now().Format(clock), fault.name, n.Name, length.Round(time.Millisecond))
	mend := fault.do(n)
	c.pending = append(c.pending, mending{time.Now().Add(length), func() { mend(); delete(c.busy, n.Name) }})
}

// command is an operator's. A node that is not in the state for it may refuse.
func (c *chaos) command(n *lab.Node, args ...string) {
	ctx, cancel := context.WithTimeout(c.Ctx, 10*time.Second)
	defer cancel()
	if out, err := n.CLI(ctx, binary, args...); err != nil {
		c.T.Logf("%v on %s: %v: %s", args, n.Name, err, out)
	}
}

func (c *chaos) stop(n *lab.Node) func() {
	c.command(n, "stop")
	return func() { c.command(n, "start") }
}

func (c *chaos) drain(n *lab.Node) func() {
	c.command(n, "drain")
	return func() { c.command(n, "start") }
}

// kill leaves the kernel program and the connections where they are.
func (c *chaos) kill(n *lab.Node) func() {
	c.unheard(n)
	c.Kill(n)
	return func() { c.Start(n) }
}

// restart is an upgrade.
func (c *chaos) restart(n *lab.Node) func() {
	c.command(n, "restart")
	return func() {}
}

// end ends the daemon in order, and with it what it served.
func (c *chaos) end(n *lab.Node) func() {
	c.deaths[n.MAC.String()] = true
	c.Must(c.Daemons[n.Name].Stop(c.Ctx))
	return func() { c.Start(n) }
}

func (c *chaos) hang(n *lab.Node) func() {
	c.unheard(n)
	p := c.Daemons[n.Name]
	c.Must(p.Pause())
	return func() { c.Must(p.Resume()) }
}

func (c *chaos) port(n *lab.Node) func() {
	c.Must(c.PortUp(n.Host, false))
	return func() { c.reconnect(n, func() error { return c.PortUp(n.Host, true) }) }
}

// split parts the node from the others and from the client.
func (c *chaos) split(n *lab.Node) func() {
	return c.cut(n, lab.Between(farmtest.Hosts(n), append(farmtest.Hosts(c.Others(n)...), c.Client), lab.Everything)...)
}

// oneWay keeps what the node sends from one other.
func (c *chaos) oneWay(n *lab.Node) func() {
	others := c.Others(n)
	return c.cut(n, lab.Cut{From: n.Host, To: others[c.random.IntN(len(others))].Host})
}

func (c *chaos) gossip(n *lab.Node) func() {
	return c.cut(n, lab.Between(farmtest.Hosts(n), farmtest.Hosts(c.Others(n)...), lab.Gossip)...)
}

func (c *chaos) lose(n *lab.Node) func() {
	fault, err := c.Lose(c.Ctx, 5+float64(c.random.IntN(25)), n.Host)
	c.Must(err)
	return func() { c.Must(fault.Heal()) }
}

func (c *chaos) cut(n *lab.Node, cuts ...lab.Cut) func() {
	fault, err := c.Cut(c.Ctx, cuts...)
	c.Must(err)
	return func() { c.reconnect(n, fault.Heal) }
}

// reconnect ends a time in which a node was apart, and notes when it can be heard.
func (c *chaos) reconnect(n *lab.Node, heal func() error) {
	from := time.Now()
	c.Must(heal())
	now := time.Now()
	c.reached[n.Name] = now
	to := now.Add(hearing)
	// Who fell silent meanwhile is not heard any more.
	if end := c.silent.Add(goesOn); end.After(to) {
		to = end
	}
	c.excused = append(c.excused, span{from, to})
}

// unheard notes that a node stands still before it may have heard anybody: its
// kernel goes on until the lease ends that it gave itself alone (docs/protocol.md,
// Why it is safe: a lease and 300 ms after a path exists).
func (c *chaos) unheard(n *lab.Node) {
	c.silent = time.Now()
	if c.silent.Sub(c.reached[n.Name]) < hearing {
		c.excused = append(c.excused, span{c.silent, c.silent.Add(goesOn)})
	}
}

// forget makes room, and keeps who has reset kept connections.
func (c *chaos) forget(watch *lab.Handshakes) {
	for _, r := range watch.Resets(slices.Collect(maps.Keys(c.server))...) {
		if _, known := c.resets[r.Client]; !known {
			c.resets[r.Client] = r
		}
	}
	watch.Forget()
}

// judge holds that no SYN was answered by two nodes, but while a split ends.
func (c *chaos) judge(watch *lab.Handshakes) (excused int) {
	c.T.Helper()
	c.Must(watch.Check())
	shown := 0
	for _, h := range watch.DoubleAnswers() {
		if slices.ContainsFunc(c.excused, func(s span) bool { return h.Sent.After(s.from) && h.Sent.Before(c.late.PutOff(s.from, s.to)) }) {
			excused++
			continue
		}
		if shown++; shown <= 10 {
			c.T.Errorf("answered by %v: %v, sent %v, answered %v and %v", h.By, h.SYN, h.Sent.Format(clock), h.Answered.Format(clock), h.Doubled.Format(clock))
		}
	}
	if shown > 0 {
		c.T.Errorf("%d SYNs were answered by two nodes", shown)
	}
	return excused
}

// quiet holds that the farm is whole again.
func (c *chaos) quiet(watch *lab.Handshakes) {
	c.T.Helper()
	start := time.Now()
	c.Eventually(quietAfter, "all nodes are up", func() bool {
		for _, n := range c.Nodes {
			s, err := c.Status(n)
			if err != nil || s.State != console.Up {
				return false
			}
		}
		return true
	})
	c.Converge(c.Nodes...)
	c.Settle(c.Nodes...)
	c.T.Logf("whole again after %v", time.Since(start).Round(time.Millisecond))
	c.forget(watch)
	const probes = 4000
	clients, err := traffic.Clients(c.Ctx, c.Client, watch, traffic.ProbeOptions{To: farmtest.Echo(), MAC: c.VMAC()}, probes)
	c.Must(err)
	c.CheckOneAnswer(watch)
	answered := 0
	for _, its := range clients {
		answered += len(its)
	}
	if answered != probes || len(clients) != len(c.Nodes) {
		c.T.Errorf("%d of %d probes were answered, by %d nodes", answered, probes, len(clients))
	}
}

// keptOn holds that connections broke only on nodes whose daemon was stopped in order.
func (c *chaos) keptOn(kept *traffic.Keeper, watch *lab.Handshakes) {
	c.T.Helper()
	report, err := kept.Finish(c.Ctx)
	c.Must(err)
	c.T.Logf("%d of %d connections broke; daemons were stopped on %v", len(report.Broken), report.Connections, slices.Sorted(maps.Keys(c.deaths)))
	c.forget(watch)
	for _, b := range report.Broken {
		mac := c.server[b.Client].String()
		if c.deaths[mac] {
			continue
		}
		if r, reset := c.resets[b.Client]; reset {
			c.T.Errorf("a connection of %s broke: %+v; reset by %v at %s", mac, b, r.By, r.At.Format(clock))
		} else {
			c.T.Errorf("a connection of %s broke: %+v; nobody was seen to reset it", mac, b)
		}
	}
}
