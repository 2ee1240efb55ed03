package wire

import (
	"maps"
	"slices"
	"time"
)

// Timing of a Watch.
const (
	// Interval is the time between two probes for a VIP by one sender, and between
	// two reports.
	Interval = time.Second
	// silent is how long a node counts that has not reported. Who is not heard at
	// all is the heartbeats' matter.
	silent = 3500 * time.Millisecond
	// blindAfter is how many probes a node misses before it counts as blind. Two may
	// be on their way.
	blindAfter = 3
	// seesAgain is how many may be missing when it no longer does.
	seesAgain = 1
)

// Watch works out which nodes the probes do not reach, from what this node sends
// and sees and from what the others say. It is a pure state machine.
type Watch struct {
	self   Report // what this node says next; without Sent and Seen
	vips   int
	sent   map[uint8]uint32 // by VIP, of this node
	sends  map[uint8]bool   // those that it sends now
	seen   map[seenKey]*Seen
	nodes  map[ID]*node
	tracks map[track]*trail
	turn   int // where the next report begins in seen
}

type seenKey struct {
	vip  uint8
	from ID
}

// node is another process that reports.
type node struct {
	heard time.Time
	last  Report
}

// track is one way of probes: of a sender for a VIP to who looks for them.
type track struct {
	viewer, sender ID
	vip            uint8
}

// trail is how it goes there.
type trail struct {
	base    uint32 // the last one that was seen, or sent before anybody looked
	missing uint32
	blind   bool
}

// NewWatch watches the probes of so many VIPs. self is what this node says of
// itself.
func NewWatch(self Report, vips int) *Watch {
	self.Sent, self.Seen = nil, nil
	return &Watch{
		self: self, vips: vips,
		sent: make(map[uint8]uint32), sends: make(map[uint8]bool),
		seen: make(map[seenKey]*Seen), nodes: make(map[ID]*node), tracks: make(map[track]*trail),
	}
}

// Seen takes in a probe for the VIP with that number.
func (w *Watch) Seen(vip uint8, p Probe) {
	if int(vip) >= w.vips || p.From == w.self.From {
		return
	}
	key := seenKey{vip, p.From}
	s := w.seen[key]
	if s == nil {
		if len(w.seen) >= maxTracked {
			return
		}
		s = &Seen{VIP: vip, From: p.From}
		w.seen[key] = s
	}
	if p.Seq > s.Seq {
		s.Seq = p.Seq
		s.Count++
	}
}

// maxTracked bounds what is remembered of senders: all nodes of the largest farm
// with a restart each, for all VIPs.
const maxTracked = 2 * 32 * 64

// Heard takes in a report.
func (w *Watch) Heard(now time.Time, r Report) {
	if r.From == w.self.From || r.Digest != w.self.Digest {
		return
	}
	n := w.nodes[r.From]
	if n == nil {
		if len(w.nodes) >= maxNodes {
			return
		}
		n = &node{}
		w.nodes[r.From] = n
	}
	n.heard, n.last = now, r
	w.judge(r.From, r.Seen, len(r.Seen) < MaxSeen)
}

// maxNodes bounds how many processes are followed.
const maxNodes = 128

// Tick is to be called each Interval, after everything that waited was taken in:
// it returns the probes that this node is to send for the VIPs with those numbers,
// and the report to send after them.
func (w *Watch) Tick(now time.Time, vips []uint8) ([]Sent, Report) {
	w.forget(now)
	clear(w.sends)
	var probes []Sent
	for _, vip := range vips {
		w.sent[vip]++
		w.sends[vip] = true
		probes = append(probes, Sent{vip, w.sent[vip]})
	}
	var own []Seen
	for _, s := range w.seen {
		own = append(own, *s)
	}
	w.judge(w.self.From, own, true)
	report := w.self
	report.Sent, report.Seen = probes, w.some(own)
	return probes, report
}

// some are as many entries as a report has room for, the next ones each time.
func (w *Watch) some(all []Seen) []Seen {
	if len(all) <= MaxSeen {
		return all
	}
	slices.SortFunc(all, func(a, b Seen) int {
		if a.VIP != b.VIP {
			return int(a.VIP) - int(b.VIP)
		}
		return slices.Compare([]ID{a.From}, []ID{b.From})
	})
	w.turn = (w.turn + MaxSeen) % len(all)
	return append(slices.Clone(all[w.turn:]), all[:w.turn]...)[:MaxSeen]
}

// forget drops who reports no more.
func (w *Watch) forget(now time.Time) {
	maps.DeleteFunc(w.nodes, func(_ ID, n *node) bool { return now.Sub(n.heard) > silent })
	gone := func(id ID) bool { return id != w.self.From && w.nodes[id] == nil }
	maps.DeleteFunc(w.seen, func(k seenKey, _ *Seen) bool { return gone(k.from) })
	maps.DeleteFunc(w.tracks, func(k track, _ *trail) bool { return gone(k.viewer) || gone(k.sender) })
}

// judge holds what a node says that it has seen against what the others say that
// they have sent. It is done when the node has just looked, so that a node which
// is late for itself misses nothing. whole says that seen is all of it.
func (w *Watch) judge(viewer ID, seen []Seen, whole bool) {
	if !w.oneMachine(viewer, w.self.From) {
		for vip := range w.sends {
			w.compare(track{viewer, w.self.From, vip}, w.sent[vip], seen, whole)
		}
	}
	for id, n := range w.nodes {
		if w.oneMachine(viewer, id) {
			continue
		}
		for _, s := range n.last.Sent {
			w.compare(track{viewer, id, s.VIP}, s.Seq, seen, whole)
		}
	}
}

// oneMachine tells whether two processes are of one node, such as a daemon and a
// netcheck beside it: no switch brings a frame back to the port that it came from.
func (w *Watch) oneMachine(a, b ID) bool {
	one, other := w.report(a), w.report(b)
	return one.From == other.From || one.Name == other.Name || one.Address.IsValid() && one.Address == other.Address
}

// report is what a process has said of itself last.
func (w *Watch) report(id ID) Report {
	if n := w.nodes[id]; n != nil {
		return n.last
	}
	return w.self
}

func (w *Watch) compare(k track, sent uint32, seen []Seen, whole bool) {
	t := w.tracks[k]
	if t == nil {
		t = &trail{base: sent}
		w.tracks[k] = t
	}
	said := false
	for _, s := range seen {
		if s.VIP == k.vip && s.From == k.sender {
			t.base, said = max(t.base, s.Seq), true
		}
	}
	if !said && !whole {
		return // It may be in the next report.
	}
	t.missing = sent - min(sent, t.base)
	switch {
	case t.missing >= blindAfter:
		t.blind = true
	case t.missing <= seesAgain:
		t.blind = false
	}
}
