package sim

import (
	"time"

	"thresher/cluster/confirm"
)

// send puts a heartbeat on the way from one machine to another.
func (w *world) send(from, to *machine, hb *confirm.Heartbeat) {
	if to == nil || from == to || from.apart || to.apart || w.cut[from.i][to.i] || w.storm && w.chance(w.o.Loss) {
		return
	}
	msg := &message{from: from.i, sent: w.now, hb: hb, open: from.open()}
	w.push(event{at: w.now + int64(w.delay()), to: to, msg: msg})
	if w.storm && w.chance(w.o.Double) {
		w.push(event{at: w.now + int64(w.delay()), to: to, msg: msg})
	}
}

// delay is how long a message takes: mostly under a millisecond, sometimes up to
// 1.5 s.
func (w *world) delay() time.Duration {
	if w.storm && w.chance(w.o.Late) {
		return w.between(time.Millisecond, 1500*time.Millisecond)
	}
	return w.between(100*time.Microsecond, time.Millisecond)
}

// byName finds a machine.
func (w *world) byName(name string) *machine {
	for _, m := range w.machines {
		if m.name == name {
			return m
		}
	}
	return nil
}

// link is what has come from one machine to another: whether the one could
// really hear the other, which is for the checks only.
type link struct {
	last  int64 // the newest fresh message
	since int64 // since when they have come without a gap
}

// freshness bounds the age of a message that shows a link to work.
const freshness = 50 * time.Millisecond

// gap is the longest time between two messages over a link that works: half of
// the time for which one makes its sender a member.
func (w *world) gap() int64 { return int64(w.o.Params.Heard / 2) }

// heard notes a message.
func (l *link) heard(now, sent, gap int64) {
	if now-sent > int64(freshness) {
		return
	}
	if now-l.last > gap {
		l.since = now
	}
	l.last = now
}

// goodFor says whether the link has worked for that long without a gap.
func (l *link) goodFor(now, gap int64, d time.Duration) bool {
	return l.last > 0 && now-l.last <= gap && now-l.since >= int64(d)
}
