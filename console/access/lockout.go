package access

import (
	"time"
)

// Who guesses passwords is made to wait: after so many wrong ones within
// failWindow, for firstLock, and twice as long each time after, up to longestLock.
const (
	failsPerUser    = 5  // from one address for one user
	failsPerAddress = 20 // from one address for whomever
	failWindow      = 15 * time.Minute
	firstLock       = 30 * time.Second
	longestLock     = 15 * time.Minute
	// maxTracked bounds the memory: who comes from more addresses is only held up
	// by the one password that is checked at a time.
	maxTracked = 4096
)

// failures are the wrong passwords of one kind of guess.
type failures struct {
	count int
	last  time.Time
	until time.Time // locked until then
	locks int
}

// lockout counts wrong passwords. It is a pure state machine.
type lockout struct{ tracked map[string]*failures }

func newLockout() lockout { return lockout{make(map[string]*failures)} }

// locked is how long the guess must wait still; 0 if not at all.
func (l *lockout) locked(now time.Time, key string) time.Duration {
	f := l.tracked[key]
	if f == nil || !now.Before(f.until) {
		return 0
	}
	return f.until.Sub(now)
}

// fail counts a wrong password, of which limit are let pass.
func (l *lockout) fail(now time.Time, key string, limit int) {
	f := l.tracked[key]
	if f == nil {
		l.makeRoom(now)
		f = new(failures)
		l.tracked[key] = f
	}
	if now.Sub(f.last) > failWindow {
		*f = failures{}
	}
	f.last = now
	if f.count++; f.count < limit {
		return
	}
	f.count = 0
	f.until = now.Add(min(firstLock<<min(f.locks, 10), longestLock))
	f.locks++
}

// forget forgets the wrong passwords before a right one.
func (l *lockout) forget(key string) { delete(l.tracked, key) }

// makeRoom forgets what is over, or else what is oldest.
func (l *lockout) makeRoom(now time.Time) {
	if len(l.tracked) < maxTracked {
		return
	}
	var oldest string
	for key, f := range l.tracked {
		if now.Sub(f.last) > failWindow {
			delete(l.tracked, key)
		} else if oldest == "" || f.last.Before(l.tracked[oldest].last) {
			oldest = key
		}
	}
	if len(l.tracked) >= maxTracked {
		delete(l.tracked, oldest)
	}
}
