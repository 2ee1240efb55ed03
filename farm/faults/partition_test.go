package faults

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
	"thresher/perf/traffic"
)

// TestPartition is what a switch can do to a farm of three.
func TestPartition(t *testing.T) {
	twoAtATime(t)
	onOneFarm(t, []fault{
		{"R05R10SplitAndHealed", splitServes},
		{"R07OneWay", oneWay},
		{"R08NotTransitive", notTransitive},
		{"R09GossipBlocked", gossipBlocked},
		{"R09HeartbeatsBlocked", heartbeatsBlocked},
	})
}

// probeFrom sends SYNs from a client that does not own lab.SYNRange: each of its
// addresses from many ports.
func probeFrom(f *farmtest.Farm, client *lab.Host) (*traffic.Prober, *lab.Handshakes) {
	f.T.Helper()
	watch, err := client.WatchHandshakes()
	f.Must(err)
	f.T.Cleanup(func() { _ = watch.Close() }) // What it missed is asked by Check.
	var from []netip.AddrPort
	for port := range uint16(500) {
		for _, a := range client.Addresses {
			from = append(from, netip.AddrPortFrom(a, 30_000+port))
		}
	}
	return traffic.Probe(f.Ctx, client, watch, traffic.ProbeOptions{To: farmtest.Echo(), MAC: f.VMAC(), From: from}), watch
}

// splitServes: a switch falls into two parts, with a client on each. Each side
// serves its client; when it heals, one view follows, no client is answered twice
// and no connection is lost that was only out of reach.
func splitServes(f *farmtest.Farm) {
	lone, others := split(f)
	near, far := f.Clients[0], f.Clients[1]
	before := f.Views(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{Patience: 20 * time.Second})
	prober, watch := probeFrom(f, far)
	cut := time.Now()
	fault, err := f.Cut(f.Ctx, lab.Between([]*lab.Host{lone.Host, far}, append(farmtest.Hosts(others...), near), lab.Everything)...)
	f.Must(err)
	f.Pass(3 * time.Second)
	healed := time.Now()
	f.Must(fault.Heal())
	f.Converge(f.Nodes...)
	f.T.Logf("one farm again after %v", time.Since(healed).Round(time.Millisecond))
	f.Pass(time.Second)
	line, err := prober.Stop(f.Ctx)
	f.Must(err)
	l.Stop()
	// Until the first heartbeat has come across, each side still takes itself for all.
	known := healed.Add(hearing)
	excused := f.CheckOneAnswerBut(l.Watch, healed, known) + f.CheckOneAnswerBut(watch, healed, known)
	f.T.Logf("%d SYNs were answered by two nodes before these had heard each other, the last one %v after the end of the cut",
		excused, lastDouble(healed, l.Watch, watch))
	l.CheckKept()
	// Those that were just echoing over the cut.
	l.CheckVisitsBut(3, healed, known)
	for name, side := range map[string]struct {
		line traffic.Timeline
		by   []*lab.Node
	}{"the two": {l.Line, others}, "the one": {line, []*lab.Node{lone}}} {
		checkSide(f, name, side.line, side.by, cut, healed)
	}
	for name, n := range f.ViewsSince(before) {
		f.T.Logf("%s saw %d views", name, n)
		if n > 3 {
			f.T.Errorf("%s saw %d views in one split and its end", name, n)
		}
	}
}

// lastDouble is when the last SYN was sent that two nodes answered.
func lastDouble(since time.Time, watches ...*lab.Handshakes) (last time.Duration) {
	for _, w := range watches {
		for _, h := range w.DoubleAnswers() {
			last = max(last, h.Sent.Sub(since))
		}
	}
	return last.Round(time.Millisecond)
}

// hearing is how long after the end of a split the nodes need to hear each other:
// a heartbeat of 50 ms, and what a busy machine adds. Until then both sides serve
// under partition serve (docs/protocol.md, Why it is safe).
const hearing = 200 * time.Millisecond

// checkSide holds that a side of a split serves its client from takeoverLimit on,
// and nobody else does.
func checkSide(f *farmtest.Farm, name string, line traffic.Timeline, by []*lab.Node, cut, healed time.Time) {
	f.T.Helper()
	answered, lost := 0, 0
	for _, try := range line {
		if try.Sent.Before(cut.Add(takeoverLimit)) || try.Sent.After(healed) {
			continue
		}
		if !try.Answered {
			lost++
			continue
		}
		answered++
		if !has(by, try.By) {
			f.T.Errorf("the client of %s was answered by %v", name, try.By)
		}
	}
	f.T.Logf("the side of %s: %d answered, %d lost, gaps %v", name, answered, lost, line.Gaps())
	if answered == 0 || lost > 0 {
		f.T.Errorf("the side of %s answered %d SYNs and lost %d", name, answered, lost)
	}
	for _, g := range line.Gaps() {
		if length, ended := g.Length(); !ended || length > takeoverLimit {
			f.T.Errorf("the client of %s: %v", name, g)
		}
	}
}

func has(nodes []*lab.Node, mac config.MAC) bool {
	for _, n := range nodes {
		if n.MAC == mac {
			return true
		}
	}
	return false
}

// harmless holds that nobody notices a fault: all served, nothing moved.
func harmless(f *farmtest.Farm, during func(l *farmtest.Load), cuts ...lab.Cut) {
	f.T.Helper()
	harmlessOn(f, f.Cut, during, cuts...)
}

// harmlessOn is harmless on the network that cut cuts.
func harmlessOn(f *farmtest.Farm, cut func(context.Context, ...lab.Cut) (*lab.Fault, error), during func(l *farmtest.Load), cuts ...lab.Cut) {
	f.T.Helper()
	before := f.Views(f.Nodes...)
	l := f.StartLoad(farmtest.LoadOptions{})
	fault, err := cut(f.Ctx, cuts...)
	f.Must(err)
	f.Pass(short(3*time.Second, time.Minute))
	if during != nil {
		during(l)
	}
	dropped, err := fault.Dropped(f.Ctx)
	f.Must(err)
	if dropped == 0 {
		f.T.Error("nothing was cut")
	}
	f.Must(fault.Heal())
	f.Pass(time.Second)
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(0)
	l.CheckKept()
	l.CheckVisits(0)
	for name, n := range f.ViewsSince(before) {
		if n > 0 {
			f.T.Errorf("%s saw %d views", name, n)
		}
	}
}

// oneWay: what one node sends does not reach another. The third passes on what it
// hears, and nothing happens.
func oneWay(f *farmtest.Farm) {
	harmless(f, nil, lab.Cut{From: f.Nodes[0].Host, To: f.Nodes[2].Host})
}

// notTransitive: two nodes hear the third but not each other. It passes on what it
// hears, and nothing happens, but that each names the other.
func notTransitive(f *farmtest.Farm) {
	said := func(*farmtest.Load) {
		blockedTold(f, f.Nodes[0], f.Nodes[2])
		blockedTold(f, f.Nodes[2], f.Nodes[0])
	}
	harmless(f, said, lab.Between(farmtest.Hosts(f.Nodes[0]), farmtest.Hosts(f.Nodes[2]), lab.Everything)...)
}

// gossipBlocked: a firewall takes a node's gossip and not its heartbeats. Nothing
// happens, but that the others say so.
func gossipBlocked(f *farmtest.Farm) {
	victim, others := split(f)
	said := func(*farmtest.Load) { blockedTold(f, others[0], victim) }
	harmless(f, said, lab.Between(farmtest.Hosts(victim), farmtest.Hosts(others...), lab.Gossip)...)
	f.Eventually(20*time.Second, "gossip is well again", func() bool {
		s, err := f.Status(others[0])
		return err == nil && s.Cluster != nil && len(s.Cluster.GossipBlocked) == 0
	})
}

// blockedTold holds that a node's status names another's gossip as blocked, with its
// address and port.
func blockedTold(f *farmtest.Farm, by, victim *lab.Node) {
	f.T.Helper()
	want := victim.Name + " at " + netip.AddrPortFrom(victim.Address, 7946).String()
	f.Eventually(15*time.Second, by.Name+" tells of blocked gossip: "+want, func() bool {
		s, err := f.Status(by)
		return err == nil && s.Cluster != nil && slices.Contains(s.Cluster.GossipBlocked, want)
	})
}

// heartbeatsBlocked blocks the heartbeats' EtherType between a node and the others:
// they go as messages of gossip's then.
func heartbeatsBlocked(f *farmtest.Farm) {
	victim, others := split(f)
	harmless(f, nil, lab.Between(farmtest.Hosts(victim), farmtest.Hosts(others...), lab.Heartbeats)...)
}

// TestMajority: under partition majority, the one that is cut off lets nothing in
// after its lease, and keeps its connections; the two serve. The client reaches both
// sides, as over two switches.
func TestMajority(t *testing.T) {
	twoAtATime(t)
	f := newFarm(t, lab.Config{Nodes: 3}, lab.FarmOptions{Partition: "majority"})
	f.Run("R05Split", majority)
}

func majority(f *farmtest.Farm) {
	lone, others := split(f)
	l := f.StartLoad(farmtest.LoadOptions{})
	fault, err := f.Cut(f.Ctx, lab.Between(farmtest.Hosts(lone), farmtest.Hosts(others...), lab.Everything)...)
	f.Must(err)
	cut := time.Now()
	f.Pass(3 * time.Second)
	saysMinority(f, lone)
	healed := time.Now()
	f.Must(fault.Heal())
	f.Converge(f.Nodes...)
	if s, err := f.Status(lone); err != nil || s.Fenced != "" {
		f.T.Errorf("after the split %s lets nothing new in: %q, %v", lone.Name, s.Fenced, err)
	}
	l.Stop()
	l.CheckOneAnswer()
	if n := l.AnsweredBy(lone, cut.Add(leaseLimit), healed); n > 0 {
		f.T.Errorf("the minority answered %d SYNs", n)
	}
	l.CheckGaps(takeoverLimit)
	l.CheckKept()
	l.CheckVisits(0)
}

// saysMinority wants that one node of three to say that it serves nobody, and why.
func saysMinority(f *farmtest.Farm, lone *lab.Node) {
	const why = "1 of 3 nodes is here, a majority is 2"
	s, err := f.Status(lone)
	f.Must(err)
	if s.Fenced != why || s.Lease != nil {
		f.T.Errorf("%s lets nothing new in for %q, lease %+v", lone.Name, s.Fenced, s.Lease)
	}
	for _, n := range s.Nodes {
		if n.Shares["web"] != 0 {
			f.T.Errorf("%s is said to have %.2f", n.Name, n.Shares["web"])
		}
	}
	if out := f.Thresher(lone, "where", "192.0.2.7:40000"); !strings.HasPrefix(out, "no node, ") {
		f.T.Errorf("where: %s", out)
	}
	if out := f.Thresher(lone, "status"); !strings.HasPrefix(out, lone.Name+" is up\nLETS NOTHING NEW IN: "+why+"\n") {
		f.T.Errorf("status:\n%s", out)
	}
	if out := f.Thresher(lone, "events"); !strings.Contains(out, "warn   fenced  this node lets nothing new in: "+why) {
		f.T.Errorf("events:\n%s", out)
	}
}

// TestR06TwoNodes splits a farm of two. serve: each serves its client; majority:
// none lets anything in, and both keep their connections.
func TestR06TwoNodes(t *testing.T) {
	twoAtATime(t)
	t.Run("serve", func(t *testing.T) {
		f := newFarm(t, lab.Config{Nodes: 2, Clients: 2, ClientAddresses: 8}, lab.FarmOptions{Partition: "serve"})
		splitServes(f)
	})
	t.Run("majority", func(t *testing.T) {
		halvesWait(newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{Partition: "majority"}), nil)
	})
}

// TestMajorityOfThoseMet splits a farm of four, of whom each names itself and the first one
// in its list alone: neither half is a majority of those who have met, and a daemon that
// is restarted in place has met them all.
func TestMajorityOfThoseMet(t *testing.T) {
	twoAtATime(t)
	f := newFarm(t, lab.Config{Nodes: 4}, lab.FarmOptions{Partition: "majority", JoinFirst: true})
	halvesWait(f, func() { f.Thresher(f.Nodes[0], "restart") })
}

// halvesWait splits a farm into halves, of which none lets anything in, and all keep
// their connections. during, if it is not nil, is what happens meanwhile.
func halvesWait(f *farmtest.Farm, during func()) {
	f.T.Helper()
	l := f.StartLoad(farmtest.LoadOptions{})
	half := len(f.Nodes) / 2
	fault, err := f.Cut(f.Ctx, lab.Between(farmtest.Hosts(f.Nodes[:half]...), farmtest.Hosts(f.Nodes[half:]...), lab.Everything)...)
	f.Must(err)
	cut := time.Now()
	f.Pass(1250 * time.Millisecond)
	if during != nil {
		during()
	}
	f.Pass(1250 * time.Millisecond)
	healed := time.Now()
	f.Must(fault.Heal())
	f.Converge(f.Nodes...)
	f.Pass(time.Second)
	l.Stop()
	l.CheckOneAnswer()
	for _, n := range f.Nodes {
		if c := l.AnsweredBy(n, cut.Add(leaseLimit), healed.Add(-300*time.Millisecond)); c > 0 {
			f.T.Errorf("%s answered %d SYNs in its half", n.Name, c)
		}
	}
	l.CheckGaps(healed.Sub(cut) + takeoverLimit)
	l.CheckKept()
}

// TestR07OneWayOfTwo: of two nodes one does not hear the other. It takes the other
// for dead; the other hears so, and lets nothing in.
func TestR07OneWayOfTwo(t *testing.T) {
	twoAtATime(t)
	f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{})
	l := f.StartLoad(farmtest.LoadOptions{})
	flood := f.Flood(2000)
	fault, err := f.Cut(f.Ctx, lab.Cut{From: f.Nodes[0].Host, To: f.Nodes[1].Host})
	f.Must(err)
	f.Pass(3 * time.Second)
	f.Must(fault.Heal())
	f.Converge(f.Nodes...)
	flood.Stop()
	l.Stop()
	l.CheckOneAnswer()
	l.CheckGaps(takeoverLimit)
	l.CheckKept()
	l.CheckVisits(0)
}
