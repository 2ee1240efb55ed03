package console

import (
	"maps"
	"sync"
	"time"
)

// The levels of an Event.
const (
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"
)

// DefaultLogSize is how many events a Log holds unless told otherwise: weeks of
// a quiet farm, and some hundred kilobytes.
const DefaultLogSize = 4096

// Event is one thing that happened in the farm.
type Event struct {
	// Time is when it happened.
	Time time.Time `json:"time"`
	// Seq numbers the events of one run of the daemon, from 1, without gaps.
	Seq uint64 `json:"seq"`
	// Kind is for programs: a word such as node_up.
	Kind string `json:"kind"`
	// Level is one of the Level constants.
	Level string `json:"level"`
	// Message says what happened, for people.
	Message string `json:"message"`
	// Fields are the particulars, for programs. Readers must not change them.
	Fields map[string]string `json:"fields,omitempty"`
}

// Log holds the newest events of one run of the daemon in memory. It may be used
// by many goroutines; adding never waits for a reader.
type Log struct {
	mu sync.Mutex
	// ring holds the event with number seq at seq modulo its length.
	ring []Event
	// last is the newest number given; 0 before the first event.
	last uint64
	// wake is closed by the next Add; nil while nobody waits for one.
	wake chan struct{}
	// counts counts all events of this process, by kind and level.
	counts map[Count]uint64
}

// Count is how many events of a kind and a level there were.
type Count struct {
	Kind, Level string
	Count       uint64
}

// Counts is how many events there were in this process, in no order.
func (l *Log) Counts() []Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Count, 0, len(l.counts))
	for c, n := range l.counts {
		c.Count = n
		list = append(list, c)
	}
	return list
}

// NewLog returns a log of the newest size events, or of DefaultLogSize if size
// is not positive.
func NewLog(size int) *Log {
	if size <= 0 {
		size = DefaultLogSize
	}
	return &Log{ring: make([]Event, size), counts: make(map[Count]uint64)}
}

// Add numbers the event, dates it unless it has a time, puts it into the log in
// place of the oldest one if the log is full, and returns it as it went in. The
// log keeps a copy of the fields.
func (l *Log) Add(e Event) Event {
	e.Fields = maps.Clone(e.Fields)
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq = l.last
	*l.at(e.Seq) = e
	l.counts[Count{Kind: e.Kind, Level: e.Level}]++
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
	return e
}

// Since returns the events held whose number is above seq, oldest first. A
// number that this log has not given yet is one of an earlier run of the daemon,
// and gets everything.
func (l *Log) Since(seq uint64) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq > l.last {
		seq = 0
	}
	return l.copyFrom(max(seq+1, l.oldest()), len(l.ring))
}

// at returns the place of event seq. The caller holds the lock.
func (l *Log) at(seq uint64) *Event { return &l.ring[seq%uint64(len(l.ring))] }

// oldest returns the lowest number held, or the one to come if the log is empty.
// The caller holds the lock.
func (l *Log) oldest() uint64 {
	size := uint64(len(l.ring))
	if l.last <= size {
		return 1
	}
	return l.last - size + 1
}

// copyFrom returns at most limit events from number first on. The caller holds
// the lock, and first is held or to come.
func (l *Log) copyFrom(first uint64, limit int) []Event {
	var events []Event
	for seq := first; seq <= l.last && len(events) < limit; seq++ {
		events = append(events, *l.at(seq))
	}
	return events
}
