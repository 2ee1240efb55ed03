package farm

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

// A release that was listed under another boot is no release of this one: the others
// would take a list for whole that lacks what is released next.
func TestHalfOpenOfAnotherBoot(t *testing.T) {
	cfg := &config.Config{Node: "web1", VIPs: []config.VIP{{Address: netip.MustParseAddr("192.0.2.100")}}}
	rules, err := pipeline.Compile(cfg.VIPs, nil, pipeline.HashKey{}, config.MAC{2})
	if err != nil {
		t.Fatal(err)
	}
	var h *halfOpen
	var posted []*handover.Message
	post := func(_ string, _ byte, payload []byte) error {
		m, err := handover.Decode(payload)
		posted = append(posted, m)
		return err
	}
	netnstest.New(t).Do(t, func() (err error) {
		h, err = newHalfOpen(cfg, rules, nil, 1, post, slog.New(slog.DiscardHandler))
		return err
	})
	defer h.close()
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
