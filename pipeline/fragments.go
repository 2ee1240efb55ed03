package pipeline

import (
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of Fragments.
const (
	// FragmentLife is how long the verdict on a datagram's first fragment counts for
	// the others. On the way, fragments are milliseconds apart; a sender may use the
	// identification again after 65,536 datagrams (RFC 6864 §1), but sends the first
	// fragment first then, which is judged anew.
	FragmentLife = 3 * time.Second
	// FragmentWait is how long a fragment waits for the first one.
	FragmentWait = 300 * time.Millisecond
	// FragmentLen is the length of the longest fragment that can wait, in bytes from
	// the Ethernet header on: as much as a socket's largest frame holds.
	FragmentLen = 4096 - 256
	// fragmentDatagrams and fragmentFrames are how many verdicts and fragments there
	// is room for: a verdict for each of 5,400 datagrams a second, and eleven
	// datagrams of 64 kB whose first fragment comes last.
	fragmentDatagrams = 1 << 14
	fragmentFrames    = 512
)

// Fragments judges datagrams that come in parts. Only the first part has the ports
// that rules go by: the verdict on it is that on all others. Those that come before
// it wait, and follow it then. Every node sees every part and comes to the same
// verdict as for the whole, so that the parts of a datagram stay together.
//
// Receive queues share it: a card that spreads packets by their ports finds none in
// later fragments, which so come to another queue than the first. Hence the
// lock, which only fragments take, and hence copies of what waits: a frame of one
// queue cannot be sent on by another. Its memory grows with the fragments that come,
// up to a bound, and stays. Any goroutine may call its methods. Times are nanoseconds
// of CLOCK_BOOTTIME.
type Fragments struct {
	// Left, which may be nil, sees each fragment that leaves, and why. It is not the
	// caller's to keep. Set before anything else is called.
	Left func(fragment []byte, reason Reason)

	waiting atomic.Int64
	left    Counters

	mu     sync.Mutex
	known  datagrams
	frames waitingFrames
	ready  frameList // may go to the stack
	review bool      // a first fragment that waits for a bucket may be let in now
	sweep  int64     // when to look for what is too old
}

// NewFragments returns an empty one.
func NewFragments() *Fragments { return newFragments(fragmentDatagrams, fragmentFrames) }

func newFragments(datagrams, frames int) *Fragments {
	return &Fragments{known: newDatagrams(datagrams), frames: newWaitingFrames(frames), ready: emptyList()}
}

// Take judges a frame whose reason is Fragment. It returns Fragment if it has kept
// a copy, for Release, and else what becomes of the frame.
func (f *Fragments) Take(t *Table, frame []byte, facts Facts, lease Lease) Reason {
	p, ok := partIn(frame)
	if !ok {
		return Malformed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.known.find(&p.datagram, lease.Now)
	if d == none {
		d = f.begin(&p.datagram, lease.Now)
	}
	known := f.known.at(d)
	if p.first {
		return f.takeFirst(t, d, frame, facts, lease)
	}
	if known.reason.Verdict() != Hold {
		return known.reason
	}
	i := f.wait(frame, facts, lease.Now)
	if i == none {
		return ParkFull
	}
	f.known.queue(d)
	f.frames.append(&known.parts, i)
	return Fragment
}

// takeFirst judges a first fragment, each one anew: the same identification may be
// of another datagram by now. One that must wait for a bucket waits here.
func (f *Fragments) takeFirst(t *Table, d int32, frame []byte, facts Facts, lease Lease) Reason {
	reason := t.JudgeFirst(frame, facts, lease)
	known := f.known.at(d)
	if reason.Verdict() != Hold {
		f.decide(d, reason, lease.Now)
		return reason
	}
	if known.first != none {
		return Fragment // a duplicate: one is enough
	}
	i := f.wait(frame, facts, lease.Now)
	if i == none {
		return ParkFull
	}
	f.known.queue(d)
	known.first, known.reason = i, Fragment
	return Fragment
}

// begin makes room for a datagram, in place of the oldest one.
func (f *Fragments) begin(name *datagram, now int64) int32 {
	d := f.known.oldest()
	f.drop(d, Orphan)
	f.known.replace(d, name, now)
	return d
}

// decide has the parts of a datagram that wait follow a verdict.
func (f *Fragments) decide(d int32, reason Reason, now int64) {
	known := f.known.at(d)
	known.reason, known.since = reason, now
	if reason.Verdict() == Accept {
		f.frames.move(&f.ready, &known.parts, reason)
	}
	f.drop(d, reason)
}

// drop ends all that waits of a datagram.
func (f *Fragments) drop(d int32, reason Reason) {
	known := f.known.at(d)
	for known.parts.head != none {
		f.leave(f.frames.pop(&known.parts), reason)
	}
	if known.first != none {
		f.leave(known.first, reason)
		known.first = none
	}
	f.known.unqueue(d)
}

// wait keeps a copy of a frame; none if there is no room.
func (f *Fragments) wait(frame []byte, facts Facts, now int64) int32 {
	i := f.frames.take(frame)
	if i != none {
		w := f.frames.at(i)
		w.facts, w.since = facts, now
		f.waiting.Add(1)
	}
	return i
}

// leave frees a frame, and counts what became of it.
func (f *Fragments) leave(i int32, reason Reason) {
	if w := f.frames.at(i); f.Left != nil {
		f.Left(w.data[:w.length], reason)
	}
	f.frames.put(i)
	f.left.Count(reason)
	f.waiting.Add(-1)
}

// Waiting tells whether fragments wait.
func (f *Fragments) Waiting() bool { return f.waiting.Load() > 0 }

// Review has first fragments judged again that wait for a bucket: to be called
// when the table has changed, or what else the verdict depends on.
func (f *Fragments) Review() {
	if !f.Waiting() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.review = true
}

// Release copies the next fragment that may go to the stack into dst, which must
// have room for a frame of the caller's queue, and returns its length; 0 if there
// is none. What does not fit is dropped. Each fragment that leaves is counted by its
// last reason (AddTo), after it was counted as Fragment when it came.
func (f *Fragments) Release(t *Table, lease Lease, dst []byte) int {
	if !f.Waiting() {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire(lease.Now)
	if f.review {
		if n := f.rejudge(t, lease, dst); n > 0 {
			return n
		}
		f.review = false
	}
	for f.ready.head != none {
		i := f.frames.pop(&f.ready)
		w := f.frames.at(i)
		n := w.copyTo(dst)
		if n > 0 {
			f.leave(i, w.reason)
			return n
		}
		f.leave(i, ParkFull)
	}
	return 0
}

// rejudge finds the next first fragment that is let in now, and copies it to dst;
// the others of its datagram are ready then. It goes to the stack in the step in
// which it was judged, as whoever changes the table relies on.
func (f *Fragments) rejudge(t *Table, lease Lease, dst []byte) int {
	for d := f.known.queued; d != none; {
		known := f.known.at(d)
		next := known.next
		if known.first == none {
			d = next
			continue
		}
		w := f.frames.at(known.first)
		reason := judgeFirstAgain(t, w, lease)
		switch {
		case reason.Verdict() == Hold, reason == Fenced:
			// Fenced: the bucket is the node's already, and its lease is yet to come.
		case reason.Verdict() == Accept:
			n := w.copyTo(dst)
			if n == 0 {
				reason = ParkFull
			}
			f.decide(d, reason, lease.Now)
			if n > 0 {
				return n
			}
		default:
			f.decide(d, reason, lease.Now)
		}
		d = next
	}
	return 0
}

// judgeFirstAgain judges a first fragment as if it came now. Who has its flow by
// now, another node may have told since it came.
func judgeFirstAgain(t *Table, w *waitingFrame, lease Lease) Reason {
	facts := w.facts
	facts.Waited = true
	if flow, _, ok := flowIn(w.data[:w.length]); ok {
		facts.HalfOpen = facts.HalfOpen || t.HalfOpen.has(flow)
	}
	return t.JudgeFirst(w.data[:w.length], facts, lease)
}

// expire drops what has waited for too long. It looks now and then: a fragment may
// stay a little longer.
func (f *Fragments) expire(now int64) {
	if now < f.sweep {
		return
	}
	f.sweep = now + int64(FragmentWait)/8
	for d := f.known.queued; d != none; {
		known := f.known.at(d)
		next := known.next
		for known.parts.head != none && now-f.frames.at(known.parts.head).since > int64(FragmentWait) {
			f.leave(f.frames.pop(&known.parts), Orphan)
		}
		if known.first != none && now-f.frames.at(known.first).since > int64(FragmentWait) {
			f.leave(known.first, Late)
			known.first = none
		}
		if known.parts.head == none && known.first == none {
			f.known.unqueue(d)
		}
		d = next
	}
}

// AddTo adds to sum, which is indexed by Reason, what became of the fragments that
// waited and have left; anyone may call it.
func (f *Fragments) AddTo(sum *[ReasonLen]uint64) { f.left.AddTo(sum) }
