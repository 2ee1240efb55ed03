package farm

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
	"thresher/pipeline"
)

// brokenPath is a packet path that cannot be told anything any more.
type brokenPath struct{ recorder }

var errBroken = errors.New("the packet path is broken")

func (*brokenPath) apply(*pipeline.Share, func()) error { return errBroken }
func (*brokenPath) lease(int64) error                   { return errBroken }

// servingAlone is the protocol of a node web1 that holds every bucket of a rule, at the
// moment that it returns, on a packet path that has just broken.
func servingAlone(t *testing.T) (*confirmation, confirm.Time) {
	cfg := &config.Config{Node: "web1", Rules: []config.Rule{{Name: "web", Mode: config.ModeShared, Weight: 100}}}
	cfg.Cluster.Profile = config.Fast
	ids, log := ruleIDs(cfg.Rules), slog.New(slog.DiscardHandler)
	c := &confirmation{
		self: "web1", ids: ids, log: log, shares: shares{rules: cfg.Rules}, params: confirmParams(cfg, 2), silent: true,
		gate:      &gate{datapath: &brokenPath{recorder{id: ids[0]}}, ids: ids, log: log},
		divisions: make(map[confirm.ViewID]*division), portions: make(map[portion]confirm.Buckets),
		notices: make(notices), met: make(acquaintances), asks: make(chan event, 1),
		halfOpen: &halfOpen{others: handover.NewOthers()},
	}
	now := bootTime()
	settled, _ := settle.New("web1", 1, settle.Params{Nodes: 2}, ids, now)
	c.settling = &settling{node: settled, log: log}
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
