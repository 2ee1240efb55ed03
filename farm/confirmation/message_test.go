package confirmation

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/farm/clock"
	"thresher/farm/division"
	"thresher/farm/gate"
	"thresher/pipeline"
)

// brokenPath is a packet path that cannot be told anything any more.
type brokenPath struct{ PacketPath }

var errBroken = errors.New("the packet path is broken")

func (brokenPath) Apply(*pipeline.Share, func()) error { return errBroken }
func (brokenPath) Lease(int64) error                   { return errBroken }

// servingAlone is the protocol of a node web1 that holds every bucket of a rule, at the
// moment that it returns, on a packet path that has just broken.
func servingAlone(t *testing.T) (*Confirmation, confirm.Time) {
	cfg := &config.Config{Node: "web1", Rules: []config.Rule{{Name: "web", Mode: config.ModeShared, Weight: 100}}}
	cfg.Cluster.Profile = config.Fast
	ids, log := division.RuleIDs(cfg.Rules), slog.New(slog.DiscardHandler)
	c := &Confirmation{
		self: "web1", ids: ids, log: log, divider: division.Divider{Rules: cfg.Rules}, params: ParamsFor(cfg, 2), silent: true,
		gate:      gate.New(brokenPath{}, ids, clock.Now, log),
		divisions: make(map[confirm.ViewID]*division.Division), portions: make(map[portion]confirm.Buckets),
		notices: make(notices), met: make(acquaintances), asks: make(chan event, 1),
		draws: make(chan string, 1), drawn: make(map[string]confirm.Time), onWire: make(map[string]confirm.Time),
		halfOpen: &halfOpen{others: handover.NewOthers()},
	}
	now := clock.Now()
	settled, _ := settle.New("web1", 1, settle.Params{Nodes: 2}, ids, now)
	c.settling = &settling{node: settled, post: c.post, log: log}
	meta, err := cluster.Meta{Phase: cluster.Up, Weights: []uint8{100}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c.node, _, err = confirm.New(confirm.Config{Name: "web1", Boot: 1, Params: c.params, Meta: string(meta), Assign: c.assign}, now)
	if err != nil {
		t.Fatal(err)
	}
	c.node.Up(now)
	for end := now.Add(10 * time.Second); c.node.Stated().None() && now < end; now = now.Add(c.params.Heartbeat) {
		c.node.Tick(now)
	}
	if c.node.Stated().None() {
		t.Fatal("the node does not serve")
	}
	settled.Tick(now) // it looks for flows, and is not done with that
	return c, now
}

// TestBrokenPacketPathEndsTheNode, however the heartbeat came of which it had to be told:
// a node that cannot take back what it lets in must not go on saying that it has.
func TestBrokenPacketPathEndsTheNode(t *testing.T) {
	c, now := servingAlone(t)
	hb := &confirm.Heartbeat{Name: "web2", Boot: 1, Seq: 1, Phase: confirm.Up, Lease: c.params.Lease, Meta: c.node.Stated().Members[0].Meta}
	beat, err := hb.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.asks <- event{func(confirm.Time) confirm.Actions {
		return c.take(now, cluster.Message{Kind: messageBeat, Payload: beat})
	}, make(chan struct{})}
	if err := c.answer(); !errors.Is(err, errBroken) {
		t.Errorf("the node goes on: %v", err)
	}
}

// TestRecordedHeartbeatsTellNothing: who has recorded the frames of a node that is gone
// keeps no bucket unsettled with them, and has nobody believe that it is heard.
func TestRecordedHeartbeatsTellNothing(t *testing.T) {
	c, now := servingAlone(t)
	beat := func(seq uint64) *confirm.Heartbeat {
		return &confirm.Heartbeat{Name: "web2", Boot: 50, Seq: seq, Phase: confirm.Starting, Lease: c.params.Lease}
	}
	own := c.node.Own()
	c.settling.node.State(now, settle.State{Boot: 1, View: c.node.Stated().ID, Own: own, Held: own})
	gone := []settle.Member{{Name: "web2", Boot: 50, Standing: settle.Gone}}
	waiting := func() []string {
		c.settling.node.Members(now, gone)
		return c.settling.node.Status().Waiting
	}
	c.receiveFrame(now, beat(1000))
	first := now
	if len(waiting()) != 1 {
		t.Fatal("web2 has just vanished, and is not waited for")
	}
	now = now.Add(70 * time.Second)
	c.settling.node.Tick(now)
	for _, old := range []*confirm.Heartbeat{beat(3), beat(1000)} {
		payload, err := old.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.receiveFrame(now, old)
		c.take(now, cluster.Message{Kind: messageBeat, Payload: payload})
		if w := waiting(); len(w) != 0 {
			t.Errorf("70 s after web2 vanished, its heartbeat %d comes again: %v is waited for", old.Seq, w)
		}
	}
	c.onWire["web2"] = first
	if c.receiveFrame(now, beat(3)); c.onWire["web2"] != first {
		t.Error("an old frame shows that web2 is heard on the wire")
	}
}

// TestFrameThatAMessageHasBrought: the newest heartbeat counts as heard on the wire though
// it has come by a message before.
func TestFrameThatAMessageHasBrought(t *testing.T) {
	c, now := servingAlone(t)
	hb := &confirm.Heartbeat{Name: "web2", Boot: 50, Seq: 9, Phase: confirm.Starting, Lease: c.params.Lease}
	payload, err := hb.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.take(now, cluster.Message{Kind: messageBeat, Payload: payload})
	if c.onWire["web2"] != 0 {
		t.Error("a message shows that web2 is heard on the wire")
	}
	if c.receiveFrame(now, hb); c.onWire["web2"] != now {
		t.Error("the frame does not")
	}
}
