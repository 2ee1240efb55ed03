package confirm

import "time"

// wake returns when time alone may change something: the next heartbeat, a
// peer's silence growing too long, the end of a wait.
func (n *Node) wake() Time {
	w := waker{now: n.now, at: n.nextBeat}
	if n.urgent {
		w.atLatest(n.lastSent.Add(n.params.Gap).Sub(n.now))
	}
	if n.joining { // running time stands still
		return w.at
	}
	if n.phase == Starting && n.wanted {
		w.in(n.longestWait() - (n.ran - n.started.ran))
	}
	w.in(3*n.params.Heartbeat - (n.ran - n.woken))
	if n.phase == Up && n.stated.None() {
		w.in(3*n.params.Heartbeat - (n.ran - n.upSince))
		w.in(n.longestWait() - n.now.Sub(n.ended))
	}
	for _, p := range n.peers {
		n.wakeFor(p, &w)
	}
	return w.at
}

// wakeFor adds the instants at which one peer's silence counts.
func (n *Node) wakeFor(p *peer, w *waker) {
	if p.last == nil {
		return
	}
	if n.lingers(p) {
		w.in(n.shownLeft(p))
	}
	if n.target.Has(p.name) {
		w.in(n.params.Heard - n.silent(p))
		w.in(n.params.Eviction - n.silent(p))
		return
	}
	if n.stated.Has(p.name) && p.owed {
		w.in(n.grantedLeft(p))
	}
	if n.phase == Up && n.stated.None() {
		w.in(n.memory() - (n.ran - p.upAt.ran))
		w.in(n.memory() - n.silent(p))
	}
}

// waker finds the earliest of several instants.
type waker struct{ now, at Time }

// in adds the instant d from now, unless it has passed.
func (w *waker) in(d time.Duration) {
	if d > 0 {
		w.at = min(w.at, w.now.Add(d))
	}
}

// atLatest adds the instant d from now, now if it has passed.
func (w *waker) atLatest(d time.Duration) { w.at = min(w.at, w.now.Add(max(0, d))) }
