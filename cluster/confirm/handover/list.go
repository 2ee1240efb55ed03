package handover

import (
	"maps"
	"slices"

	"thresher/cluster/confirm"
)

// List is what this node hands over. It is not safe for concurrent use.
type List struct {
	name    string
	boot    uint64
	seq     uint64 // of the newest entry or end of one
	release uint64 // up to which the list is complete
	open    map[Tuple]entry
	order   []item // by seq; what every peer has echoed is gone
	peers   map[string]*receiver
}

// entry is one handshake that was handed over.
type entry struct {
	seq   uint64
	since confirm.Time
}

// item is one step of the list's history: a handshake handed over, or done.
type item struct {
	seq   uint64
	done  bool
	tuple Tuple
}

// receiver is how far another node has come.
type receiver struct {
	boot    uint64
	echoed  uint64
	release uint64
	sent    confirm.Time
	upTo    uint64 // what was sent last, by seq and release
	upToRel uint64
}

// NewList returns the empty list of one process. It numbers its steps from now on,
// above those of a process that has handed its boot over to this one: a receiver
// that knows those takes this one's first message, which is whole.
func NewList(name string, boot uint64, now confirm.Time) *List {
	return &List{name: name, boot: boot, seq: uint64(now), open: make(map[Tuple]entry), peers: make(map[string]*receiver)}
}

// Members tells who gets the list: the other members and their boots. A new
// boot has forgotten everything, and one that is gone needs nothing.
func (l *List) Members(boots map[string]uint64) {
	maps.DeleteFunc(l.peers, func(name string, r *receiver) bool { return boots[name] != r.boot })
	for name, boot := range boots {
		if name != l.name && l.peers[name] == nil {
			l.peers[name] = &receiver{boot: boot}
		}
	}
	l.trim()
}

// Add hands over the handshakes of a release and so completes it. It must be
// called for every release, also without any. It returns how many did not fit.
func (l *List) Add(now confirm.Time, release uint64, tuples []Tuple) (lost int) {
	for _, t := range tuples {
		if _, ok := l.open[t]; ok {
			continue
		}
		if len(l.open) >= MaxTuples {
			lost++
			continue
		}
		l.seq++
		l.open[t] = entry{l.seq, now}
		l.order = append(l.order, item{seq: l.seq, tuple: t})
	}
	l.release = max(l.release, release)
	return lost
}

// Done ends handshakes: accepted, refused, or timed out.
func (l *List) Done(tuples ...Tuple) {
	for _, t := range tuples {
		if _, ok := l.open[t]; !ok {
			continue
		}
		delete(l.open, t)
		l.seq++
		l.order = append(l.order, item{seq: l.seq, done: true, tuple: t})
	}
}

// Open returns the handshakes that have been handed over and are not done, in
// no order: those whose sockets the caller must look after.
func (l *List) Open() []Tuple { return slices.Collect(maps.Keys(l.open)) }

// Expire ends the handshakes that have lasted too long.
func (l *List) Expire(now confirm.Time) {
	for t, e := range l.open {
		if now.Sub(e.since) >= Lifetime {
			l.Done(t)
		}
	}
}

// Messages returns what must be sent now, by receiver: news at once, and what
// was not echoed every 50 ms.
func (l *List) Messages(now confirm.Time) map[string]*Message {
	out := make(map[string]*Message)
	for name, r := range l.peers {
		if !l.lacking(r) {
			continue
		}
		news := r.upTo < l.seq || r.upToRel < l.release
		if !news && now.Sub(r.sent) < repeat {
			continue
		}
		r.sent, r.upTo, r.upToRel = now, l.seq, l.release
		out[name] = l.message(r)
	}
	return out
}

// lacking says whether a receiver has not echoed all of the list. There is nothing
// to tell before the first release.
func (l *List) lacking(r *receiver) bool {
	return l.release > 0 && (r.echoed < l.seq || r.release < l.release)
}

// message tells one receiver what it lacks: the history since its echo, or all
// that is open if the history does not reach back so far.
func (l *List) message(r *receiver) *Message {
	m := &Message{Name: l.name, Boot: l.boot, From: r.echoed, Seq: l.seq, Release: l.release}
	whole := len(l.order) > 2*MaxTuples || r.echoed < l.seq && (len(l.order) == 0 || l.order[0].seq > r.echoed+1)
	if whole {
		m.From, m.Whole = 0, true
		for t := range l.open {
			m.Items = append(m.Items, Item{Tuple: t})
		}
		return m
	}
	for _, it := range l.order {
		if it.seq > r.echoed {
			m.Items = append(m.Items, Item{it.done, it.tuple})
		}
	}
	return m
}

// Echo notes how far a receiver has come. It may have gone back: a process that
// another has handed its boot over to need not know all that the other one did. An
// echo that comes late has things told twice, no more.
func (l *List) Echo(from string, e Echo) {
	r := l.peers[from]
	if r == nil || e.Boot != l.boot || e.Seq > l.seq {
		return
	}
	r.echoed, r.release = e.Seq, e.Release
	l.trim()
}

// trim forgets the history that every receiver has.
func (l *List) trim() {
	least := l.seq
	for _, r := range l.peers {
		least = min(least, r.echoed)
	}
	keep := 0
	for keep < len(l.order) && l.order[keep].seq <= least {
		keep++
	}
	// A receiver that never echoes must not make the history grow for ever; it
	// gets the whole list when it does.
	keep = max(keep, len(l.order)-2*MaxTuples)
	l.order = slices.Clone(l.order[keep:])
}

// Pending says whether a receiver has not echoed all of the list.
func (l *List) Pending() bool {
	for _, r := range l.peers {
		if l.lacking(r) {
			return true
		}
	}
	return false
}
