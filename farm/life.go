package farm

import (
	"time"

	"thresher/cluster"
	"thresher/console"
)

// life is where a node stands between stopped and up (DESIGN §5). It is a pure
// state machine: the loop tells it what happened and when, and asks it what to
// gossip, to show and to let in.
type life struct {
	state  console.NodeState
	reason string
	joined bool
	// opens is when an up node lets traffic in: the others must have heard of it
	// first, so that they have let go of what it takes over. It is zero while
	// they have not been told.
	opens time.Time
	hold  time.Duration
}

// newLife is a node that has not joined yet. hold is how long the others may
// take to hear that a node is up.
func newLife(hold time.Duration) life {
	return life{state: console.Starting, reason: "joining the farm", hold: hold}
}

// join ends the attempt to find the farm.
func (l *life) join() { l.joined = true }

// start and stop are an operator's wishes.
func (l *life) start() {
	if l.state == console.Stopped {
		l.state, l.reason = console.Starting, "started by an operator"
	}
}

func (l *life) stop() { l.state, l.reason = console.Stopped, "stopped by an operator" }

// advance moves on as far as the farm allows. obstacle says why this node must
// not serve in the farm as it stands; a node that is up already stays so, since
// the newcomer is the one to yield.
func (l *life) advance(obstacle string) {
	switch l.state {
	case console.Starting, console.Waiting:
		switch {
		case !l.joined:
		case obstacle != "":
			l.state, l.reason = console.Waiting, obstacle
		default:
			l.state, l.reason, l.opens = console.Up, "", time.Time{}
		}
	}
}

// told says that the others have been told of the state, and returns how long
// the node has to wait until it may serve; 0 if it does not wait.
func (l *life) told(now time.Time) time.Duration {
	if l.state != console.Up {
		return 0
	}
	l.opens = now.Add(l.hold)
	return l.hold
}

// serves tells whether traffic is let in.
func (l *life) serves(now time.Time) bool {
	return l.state == console.Up && !l.opens.IsZero() && !now.Before(l.opens)
}

// phase is what the others are told.
func (l *life) phase() cluster.Phase {
	switch l.state {
	case console.Up:
		return cluster.Up
	case console.Stopped:
		return cluster.Stopped
	}
	return cluster.Starting
}
