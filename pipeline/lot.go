package pipeline

import (
	"sync/atomic"
	"time"
)

// The bounds of a Lot.
const (
	// LotSlots is how many packets a queue parks at most: what 3,400 new flows a
	// second bring in LotAge. More is a flood, whose clients come again.
	LotSlots = 1024
	// LotPacketLen is the length of the longest packet that is parked, in bytes
	// from the Ethernet header on. A TCP SYN without data has 134 at most
	// (14 + 60 + 60), a DNS query hardly ever more than 300 (a name has 255 bytes,
	// RFC 1035 §2.3.4).
	LotPacketLen = 512
	// LotAge is how long a packet may stay parked (DESIGN §3). It ends before a
	// client sends its SYN again (1 s, RFC 6298 §2.1), which another node may
	// answer.
	LotAge = 300 * time.Millisecond
)

// Lot keeps the packets that would open a flow in a bucket that this node is
// about to get, until the farm has agreed on it. They are judged again when the
// table has changed, and leave in the order in which they came.
//
// Its memory is fixed. It copies what it parks, and so keeps no reference to a
// caller's frame. It belongs to one goroutine; only Stats and AddTo are for
// everybody. Times are nanoseconds of CLOCK_BOOTTIME.
type Lot struct {
	slots  slots
	cursor int32 // the next packet to be judged again; none outside a review

	total   atomic.Uint64
	waiting atomic.Int64
	left    Counters

	// Asks gets whoever must be asked about, if it has room; may be nil.
	Asks chan<- Opening
	// Leftovers gets what was kept for other nodes, once it is kept no longer, if it
	// has room; may be nil.
	Leftovers chan<- Leftover
	// Left, which may be nil, sees each packet that leaves, and why. It is not the
	// caller's to keep.
	Left func(packet []byte, reason Reason)

	// judge is judgeParked but in tests, which need every verdict.
	judge func(t *Table, frame []byte, facts Facts, lease Lease) Reason
}

// NewLot returns an empty lot with room for so many packets.
func NewLot(packets int) *Lot {
	return &Lot{slots: newSlots(packets), cursor: none, judge: judgeParked}
}

// judgeParked judges a parked packet as it would be judged if it came now.
// Who has answered it by now, another node's list of half-open handshakes may have
// told since it came.
func judgeParked(t *Table, frame []byte, facts Facts, lease Lease) Reason {
	facts.Waited = true
	if f, _, ok := flowIn(frame); ok {
		facts.HalfOpen = facts.HalfOpen || t.HalfOpen.has(f)
		if c, known := t.Clients[f.opening()]; known {
			facts.Mine, facts.Elsewhere = c.Mine, c.Elsewhere
		}
	}
	return t.Judge(frame, facts, lease)
}

// Len is how many packets are parked.
func (l *Lot) Len() int { return l.slots.used }

// Park keeps a copy of a packet whose verdict is Hold; it is not empty. It returns
// the reason to count: Parked, or ParkFull if there was no room for it. Of a TCP
// flow only the first packet is kept: the others are its retransmissions or the
// network's duplicates, and one is enough.
func (l *Lot) Park(frame []byte, facts Facts, now int64) Reason {
	return l.park(frame, facts, now, 0)
}

func (l *Lot) park(frame []byte, facts Facts, now int64, release uint64) Reason {
	if len(frame) > LotPacketLen {
		return ParkFull
	}
	flow, isTCP := tcpFlow(frame)
	if isTCP && l.slots.find(flow) != none {
		return Parked
	}
	s := l.slots.add()
	if s == nil {
		return ParkFull
	}
	s.since, s.facts, s.release, s.length = now, facts, release, uint16(copy(s.data[:], frame))
	if isTCP {
		l.slots.index(flow)
	}
	l.total.Add(1)
	l.waiting.Store(int64(l.slots.used))
	return Parked
}

// Ask has it found out whose the client of a parked packet is.
func (l *Lot) Ask(frame []byte) {
	f, isTCP := tcpFlow(frame)
	if !isTCP || l.Asks == nil {
		return
	}
	select {
	case l.Asks <- f.opening():
	default: // the client comes again
	}
}

// Review has every parked packet judged again by the calls of Release that
// follow, from the oldest on. It is to be called when the table has changed, or
// what else the verdict depends on.
func (l *Lot) Review() { l.cursor = l.slots.oldest }

// Release goes on with a review: it copies the next packet that t accepts into
// dst, which must have LotPacketLen bytes, and returns its length; 0 if there is
// none. Packets that t still holds stay, and their age goes on, as do those that
// only lack the lease. All others, and
// those that have become too old, are dropped.
//
// Each packet that leaves is counted by its last reason (AddTo), after it was
// counted as Parked when it came.
func (l *Lot) Release(t *Table, lease Lease, dst []byte) int {
	l.expire(lease.Now)
	if len(dst) < LotPacketLen {
		return 0
	}
	for l.cursor != none {
		i := l.cursor
		s := l.slots.at(i)
		l.cursor = s.next
		if s.release != 0 {
			l.lookAfterKept(i, t)
			continue
		}
		reason := l.judge(t, s.packet(), s.facts, lease)
		switch {
		case reason == ParkedSticky:
			l.Ask(s.packet())
		case reason.Verdict() == Hold:
		case reason == Fenced:
			// The bucket is the node's already, and its lease is yet to come.
		case reason.Verdict() == Accept:
			n := copy(dst, s.packet())
			l.remove(i, reason)
			return n
		default:
			l.remove(i, reason)
		}
	}
	return 0
}

// expire drops what is too old. Packets stand in the order of their age.
func (l *Lot) expire(now int64) {
	for i := l.slots.oldest; i != none && now-l.slots.at(i).since > int64(LotAge); i = l.slots.oldest {
		if l.cursor == i {
			l.cursor = l.slots.at(i).next
		}
		l.remove(i, Late)
	}
}

func (l *Lot) remove(i int32, reason Reason) {
	if l.Left != nil {
		l.Left(l.slots.at(i).packet(), reason)
	}
	l.slots.remove(i)
	l.waiting.Store(int64(l.slots.used))
	l.left.Count(reason)
}

// LotStats say what a Lot does.
type LotStats struct {
	// Now is how many packets are parked.
	Now int
	// Total is how many have ever been parked. Packets that were refused, or
	// came twice, are not among them.
	Total uint64
	// Released and Dropped are how many of them left, and how.
	Released, Dropped uint64
}

// Stats returns the lot's figures; anyone may call it. Each is right, but they
// need not be of the same instant.
func (l *Lot) Stats() LotStats {
	s := LotStats{Now: int(l.waiting.Load()), Total: l.total.Load()}
	var left [ReasonLen]uint64
	l.left.AddTo(&left)
	for r, n := range left {
		if Reason(r).Verdict() == Accept {
			s.Released += n
		} else {
			s.Dropped += n
		}
	}
	return s
}

// AddTo adds to sum, which is indexed by Reason, what became of the packets that
// have left; anyone may call it.
func (l *Lot) AddTo(sum *[ReasonLen]uint64) { l.left.AddTo(sum) }
