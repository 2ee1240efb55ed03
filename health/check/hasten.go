package check

import "time"

// hasten begins the run after a failure in time for its result: failures in a row that
// take their time, as those of a server that hangs do, are known when failures at once
// would be, an interval apart from when the first run began. A run that takes more than
// that begins when the one before it ends, until the row has caught up. After the last
// failure of a row there is nothing to catch up with, and no server that is down is
// asked more often than one that is up.
func (m *Machine) hasten(now time.Time, takes time.Duration) {
	if m.streak == 1 {
		m.known = m.begun
	}
	m.known = m.known.Add(m.params.Interval)
	if sooner := m.known.Add(-takes); sooner.Before(m.next) {
		m.next = sooner
	}
	if m.next.Before(now) {
		m.next = now
	}
}
