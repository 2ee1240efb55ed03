package confirmation

import (
	"log/slog"
	"net/netip"
	"testing"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/internal/netnstest"
	"thresher/pipeline"
)

// Whom a process leaves half-open connections to, the process after it knows too.
func TestHalfOpenIsHandedOn(t *testing.T) {
	before := &halfOpen{name: "web1", others: handover.NewOthers(), post: func(string, byte, []byte) error { return nil }}
	open := handover.Tuple{Client: netip.MustParseAddrPort("10.0.0.1:40000"), Server: netip.MustParseAddrPort("192.0.2.100:80")}
	before.others.Receive(1, &handover.Message{
		Name: "web2", Boot: 5, Seq: 9, Release: 3, Whole: true, Items: []handover.Item{{Tuple: open}},
	})
	lists, err := before.handOn()
	if err != nil {
		t.Fatal(err)
	}
	after := &halfOpen{name: "web1", others: handover.NewOthers()}
	if err := after.resume(2, lists); err != nil {
		t.Fatal(err)
	}
	if !after.others.Has(open) || !after.others.Complete("web2", 5, 3) {
		t.Errorf("known %v, complete %v; want true, true", after.others.Has(open), after.others.Complete("web2", 5, 3))
	}
	if err := after.resume(2, [][]byte{{7}}); err == nil {
		t.Error("what cannot be read is taken")
	}
}

// What a process that goes on hands over anew is whole, with the number of the last
// release: the others take it in place of what the process before told them.
func TestHalfOpenIsReleasedAnew(t *testing.T) {
	others := handover.NewOthers()
	others.Receive(1, &handover.Message{Name: "web1", Boot: 1, Seq: 9, Release: 3, Whole: true})
	var h *halfOpen
	post := func(_ string, _ byte, payload []byte) error {
		m, err := handover.Decode(payload)
		if err == nil {
			h.own.Echo("web2", others.Receive(2, m))
		}
		return err
	}
	h = newTestHalfOpen(t, post)
	listed := make(chan func(confirm.Time), 1)
	h.do = func(f func(confirm.Time)) { listed <- f }
	h.own.Members(map[string]uint64{"web2": 1})
	h.released(confirm.Buckets{}, 4)
	(<-listed)(2)
	if !others.Complete("web1", 1, 4) || h.own.Pending() {
		t.Errorf("complete %v, pending %v", others.Complete("web1", 1, 4), h.own.Pending())
	}
}

// newTestHalfOpen is one of a node that has no rules, in a namespace of its own.
func newTestHalfOpen(t *testing.T, send post) *halfOpen {
	t.Helper()
	cfg := &config.Config{Node: "web1", VIPs: []config.VIP{{Address: netip.MustParseAddr("192.0.2.100")}}}
	rules, err := pipeline.Compile(cfg.VIPs, nil, config.HashKey{}, config.MAC{2})
	if err != nil {
		t.Fatal(err)
	}
	var h *halfOpen
	netnstest.New(t).Do(t, func() (err error) {
		h, err = newHalfOpen(cfg, rules, nil, 1, send, slog.New(slog.DiscardHandler))
		return err
	})
	t.Cleanup(func() { _ = h.close() })
	return h
}

// A release that was listed under another boot is no release of this one: the others
// would take a list for whole that lacks what is released next.
func TestHalfOpenOfAnotherBoot(t *testing.T) {
	var posted []*handover.Message
	post := func(_ string, _ byte, payload []byte) error {
		m, err := handover.Decode(payload)
		posted = append(posted, m)
		return err
	}
	h := newTestHalfOpen(t, post)
	listed := make(chan func(confirm.Time), 1)
	h.do = func(f func(confirm.Time)) { listed <- f }
	listing := func(release uint64) func(confirm.Time) {
		h.released(confirm.Buckets{}, release)
		return <-listed
	}
	h.own.Members(map[string]uint64{"web2": 1})
	old := listing(7)
	h.restart(2)
	h.own.Members(map[string]uint64{"web2": 1})
	old(1)
	if len(posted) != 0 {
		t.Errorf("handed over: %+v", posted[0])
	}
	listing(3)(2)
	if len(posted) != 1 || posted[0].Release != 3 || posted[0].Boot != 2 {
		t.Errorf("handed over %+v, want release 3 of boot 2", posted)
	}
}
