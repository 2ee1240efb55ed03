package farm

import (
	"slices"
	"time"

	"thresher/config"
)

const (
	// strangerTimes is in how many seconds' looks a machine must have been heard to send
	// heartbeats that no key of the farm's opens, before that is told: forged ones come
	// from addresses without number.
	strangerTimes = 3
	// strangerShown is how long it is shown after the last one.
	strangerShown = 10 * time.Second
	// strangersMost bounds how many are watched at a time.
	strangersMost = 16
)

// strangers are machines on the VIPs' segment that send heartbeats of another farm, or
// with another key than this one's. Once a second one of them is looked at.
type strangers struct {
	foreign uint64 // frames, when last looked
	seen    map[config.MAC]stranger
}

type stranger struct {
	times int
	last  time.Time
}

// look takes in how many foreign frames there have been and where the last one came from,
// and says whether that machine is to be told of now.
func (s *strangers) look(foreign uint64, from config.MAC, now time.Time) bool {
	for mac, one := range s.seen {
		if now.Sub(one.last) > strangerShown {
			delete(s.seen, mac)
		}
	}
	fresh := foreign != s.foreign
	s.foreign = foreign
	one, known := s.seen[from]
	if !fresh || from.IsZero() || !known && len(s.seen) >= strangersMost {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[config.MAC]stranger)
	}
	one.times, one.last = one.times+1, now
	s.seen[from] = one
	return one.times == strangerTimes
}

// texts are those that are told of, for the status.
func (s *strangers) texts() (list []string) {
	for mac, one := range s.seen {
		if one.times >= strangerTimes {
			list = append(list, mac.String())
		}
	}
	slices.Sort(list)
	return list
}

// watchStrangers tells of the heartbeats that this farm's key does not open.
func (l *loop) watchStrangers(now time.Time) {
	shown := l.confirmation.Shown()
	if l.strangers.look(shown.Wire.Foreign, shown.Stranger, now) {
		l.events.stranger(shown.Stranger)
	}
}
