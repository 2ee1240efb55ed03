package farm

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"thresher/farm/clock"
	"thresher/pipeline"
)

// selection says which packets a capture is of.
type selection struct {
	rules   *pipeline.Rules
	reasons uint64 // bit by reason
	client  netip.Prefix
	rule    int // pipeline.RuleNone for any, and none
}

func (s *selection) reason(r pipeline.Reason) bool { return s.reasons>>r&1 != 0 }

// location tells whether a packet is from and for what is wanted.
func (s *selection) location(l pipeline.Location) bool {
	if s.client.IsValid() && !s.client.Contains(l.Client) {
		return false
	}
	return s.rule == pipeline.RuleNone || s.rule == l.Rule
}

// copied is a copy of a frame with what became of it.
type copied struct {
	time     int64 // of CLOCK_BOOTTIME, in nanoseconds
	reason   pipeline.Reason
	location pipeline.Location
	asked    bool // the pipeline judged it
	frame    []byte
	length   int // of the frame, which may be longer
}

// tap is where queues put copies of what they judged, while a capture runs. All
// queues share it; without a capture it costs them a load a batch.
type tap struct{ open atomic.Pointer[outlet] }

// outlet is one capture's part of a tap.
type outlet struct {
	selection
	grant atomic.Int64 // copies that may still be made
	lost  atomic.Uint64
	out   chan copied
}

// batch copies what is wanted of a batch. A nil tap copies nothing.
func (t *tap) batch(frames [][]byte, reasons []pipeline.Reason) {
	if t == nil || t.open.Load() == nil {
		return
	}
	for i, frame := range frames {
		t.one(frame, reasons[i])
	}
}

// one copies one frame, if it is wanted.
func (t *tap) one(frame []byte, reason pipeline.Reason) {
	o := t.open.Load()
	if o == nil || !o.reason(reason) || o.grant.Load() <= 0 {
		return
	}
	location := o.rules.Locate(frame)
	if !o.location(location) || o.grant.Add(-1) < 0 {
		return
	}
	select {
	case o.out <- copied{time: clock.Nanoseconds(), reason: reason, location: location, asked: true, frame: slices.Clone(frame), length: len(frame)}:
	default:
		o.lost.Add(1)
	}
}
