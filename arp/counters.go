package arp

import "sync/atomic"

// Counters is what a Responder has done since it was opened.
type Counters struct {
	// Frames counts the frames received by what became of them. Every Reason is
	// a key, from the start.
	Frames map[Reason]uint64
	// Announcements counts bindings announced, AnnounceErrors those that the
	// socket refused.
	Announcements, AnnounceErrors uint64
	// Defences counts the announcements that answered a foreign claim.
	Defences uint64
	// ReadErrors counts passing errors of the socket, such as a link gone down.
	ReadErrors uint64
}

type counters struct {
	frames                                              [numReasons]atomic.Uint64
	announcements, announceErrors, readErrors, defences atomic.Uint64
}

// Counters returns the counts so far. They are read one by one: a frame that
// comes in meanwhile may be in it or not.
func (r *Responder) Counters() Counters {
	c := Counters{
		Frames:         make(map[Reason]uint64, numReasons),
		Announcements:  r.counts.announcements.Load(),
		AnnounceErrors: r.counts.announceErrors.Load(),
		ReadErrors:     r.counts.readErrors.Load(),
		Defences:       r.counts.defences.Load(),
	}
	for reason := range numReasons {
		c.Frames[reason] = r.counts.frames[reason].Load()
	}
	return c
}
