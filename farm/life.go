package farm

import (
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/console"
)

// life is where a node stands between stopped and up (DESIGN §5). It is a pure
// state machine: the loop tells it what happened, and asks it what to gossip, to
// show, and whether to take part. What a node that takes part may let in, and
// when, is the confirmation's to decide, and not seen from here.
type life struct {
	state  console.NodeState
	reason string
	action action // what has brought it there
	joined bool

	cut      bool      // the interface has no carrier
	held     time.Time // until when a node that comes and goes is held back
	damper   damper
	drainEnd time.Time // when a drain ends at the latest; zero for never
	stopping bool      // the drain is a stop: clients that may come back are not waited for

	unfit  string    // what is wrong with the machine's network; "" if it is fit
	shut   string    // why services and checks let no traffic in; "" if they do
	shutBy action    // what has had them let none in any more
	waits  bool      // and that it is a check that the node waits for
	boots  time.Time // until when a node that has just booted is held back
}

// newLife is a node that has not joined yet.
func newLife() life {
	return life{state: console.Starting, reason: reasonJoining, action: actionBoot}
}

// reasonJoining is why a node that has not found the others yet does not serve.
const reasonJoining = "joining the farm"

// reasonConfirming is why a node that may take part does not serve yet.
const reasonConfirming = "waiting until no earlier promise of this node can count"

// reasonCut is why a node without a link does not serve.
const reasonCut = "the interface has no carrier"

// join ends the attempt to find the farm.
func (l *life) join() { l.joined = true }

// start, drain and stop are an operator's wishes; by says which. A draining node lets
// no new flow in and ends by itself when its last flow has ended.
func (l *life) start(by action) {
	if l.state == console.Stopped || l.state == console.Draining {
		l.state, l.reason = console.Starting, "started by an operator"
	}
	if l.state != console.Up {
		l.action = by
	}
	l.stopping, l.boots = false, time.Time{}
}

func (l *life) drain(now time.Time, deadline time.Duration, by action) {
	if l.state == console.Stopped {
		return
	}
	l.state, l.reason, l.action, l.drainEnd, l.stopping = console.Draining, reasonDrain, by, time.Time{}, false
	if deadline > 0 {
		l.drainEnd = now.Add(deadline)
	}
}

func (l *life) stop(by action) {
	l.state, l.reason, l.action, l.stopping = console.Stopped, reasonStop, by, false
}

// windUp is a stop that lets connections end for a while, before services are
// stopped.
func (l *life) windUp(now time.Time, span time.Duration) {
	if l.state == console.Stopped || span <= 0 {
		l.stop(actionStop)
		return
	}
	l.drain(now, span, actionStop)
	l.reason, l.stopping = reasonStop, true
}

// halt stops a node that can't serve and has tried, or whose daemon ends.
func (l *life) halt(why string, by action) {
	if l.state != console.Stopped {
		l.state, l.reason, l.action, l.stopping = console.Stopped, why, by, false
	}
}

// The reasons that operators give.
const (
	reasonStop  = "stopped by an operator"
	reasonDrain = "drained by an operator"
)

// drained ends draining.
func (l *life) drained(why string) {
	switch {
	case l.state != console.Draining:
	case l.stopping:
		l.stop(l.action)
	default:
		l.state, l.reason = console.Stopped, reasonDrain+": "+why
	}
}

// bootsLater says that the node has not waited long enough since its boot.
func (l *life) bootsLater(now time.Time) bool { return now.Before(l.boots) }

// link tells whether the interface has a carrier. A node that sees no packet must
// not be asked to serve, nor say that it would.
func (l *life) link(now time.Time, carrier bool) {
	before := l.offNetwork()
	l.cut = !carrier
	l.comeBack(now, before)
}

// fit tells what is wrong with the machine's network; "" if nothing is.
func (l *life) fit(now time.Time, unfit string) {
	before := l.offNetwork()
	l.unfit = unfit
	l.comeBack(now, before)
}

// offNetwork tells whether the node cannot serve as its machine's network is.
func (l *life) offNetwork() bool { return l.cut || l.unfit != "" }

// comeBack holds the node back if the network is there again that was not before, for
// longer if it comes and goes. An interface that is taken down and up again, and its
// address with it, has come back once.
func (l *life) comeBack(now time.Time, before bool) {
	if before && !l.offNetwork() {
		l.held = now.Add(l.damper.comeBack(now))
	}
}

// advance moves on as far as the farm allows. obstacle says why this node must
// not serve in the farm as it stands; a node that is up already stays so, since
// the newcomer is the one to yield. phase is the confirmation's.
func (l *life) advance(now time.Time, obstacle string, phase confirm.Phase) {
	switch l.state {
	case console.Draining:
		if !l.drainEnd.IsZero() && !now.Before(l.drainEnd) {
			l.drained("its deadline has passed")
		}
	case console.Up:
		if l.cut {
			l.wait(reasonCut, actionLink)
		} else if l.unfit != "" {
			l.wait(l.unfit, actionLink)
		} else if l.shut != "" {
			l.action = l.shutBy
			l.shutOut()
		} else if phase == confirm.Starting {
			// Its process was taken for an earlier one of its own: it begins anew.
			l.state, l.reason, l.action = console.Starting, reasonConfirming, actionRejoin
		}
	case console.Starting, console.Waiting:
		l.approach(now, obstacle, phase)
	}
}

// approach is advance for a node on its way up.
func (l *life) approach(now time.Time, obstacle string, phase confirm.Phase) {
	switch {
	case l.cut:
		l.wait(reasonCut, actionLink)
	case l.unfit != "":
		l.wait(l.unfit, actionLink)
	case now.Before(l.held):
		l.wait("this machine's network comes and goes: held back until "+l.held.Format(time.TimeOnly), actionLink)
	case l.bootsLater(now):
		l.wait("held back since the boot until "+l.boots.Format(time.TimeOnly), l.action)
	case l.shut != "":
		l.shutOut()
	case !l.joined:
		l.wakeUp()
		l.state, l.reason = console.Starting, reasonJoining
	case obstacle != "" && phase != confirm.Up:
		l.wait(obstacle, actionRefused)
	case phase == confirm.Up:
		l.wakeUp()
		l.state, l.reason = console.Up, ""
	default:
		l.wakeUp()
		l.state, l.reason = console.Starting, reasonConfirming
	}
}

// wakeUp is that nothing speaks any more against a node that may have waited.
func (l *life) wakeUp() {
	if l.action.passes() {
		l.action = actionWakeup
	}
}

// shutOut is what services and checks that let no traffic in make of the node.
func (l *life) shutOut() {
	if l.waits {
		l.wait(l.shut, actionWait)
		return
	}
	l.wakeUp()
	l.state, l.reason = console.Starting, l.shut
}

func (l *life) wait(why string, by action) {
	l.state, l.reason, l.action = console.Waiting, why, by
}

// due is when time alone may change something; zero for never.
func (l *life) due(now time.Time) time.Time {
	switch {
	case l.state == console.Draining:
		return l.drainEnd
	case l.state == console.Waiting && now.Before(l.held):
		return l.held
	case l.bootsLater(now):
		return l.boots
	}
	return time.Time{}
}

// takesPart tells whether the confirmation should have the node up.
func (l *life) takesPart() bool {
	return l.joined && l.shut == "" && (l.state == console.Up || l.state == console.Starting)
}

// phase is what the others are told.
func (l *life) phase() cluster.Phase {
	switch l.state {
	case console.Up:
		return cluster.Up
	case console.Draining:
		return cluster.Draining
	case console.Waiting:
		return cluster.Waiting
	case console.Stopped:
		return cluster.Stopped
	}
	return cluster.Starting
}
