package farm

import (
	"slices"

	health "thresher/health/life"
)

// action is what has brought a node to the state that it is in, in one word, for programs
// that are told of its states. It stays until something else happens: a node that an
// operator has started is starting, and then up, by start.
type action string

// What an operator does, or has his service manager do.
const (
	actionBoot      action = "boot"    // the daemon was started
	actionRestart   action = "restart" // its program was run anew, and the node could not go on as it was
	actionShutdown  action = "shutdown"
	actionStart     action = "start"
	actionStop      action = "stop"
	actionForceStop action = "forcestop"
	actionDrain     action = "drain"
	actionCordon    action = "cordon"
	actionUncordon  action = "uncordon"
	actionReset     action = "reset"
)

// What happens by itself.
const (
	actionWait      = action(health.CauseWait)
	actionStopstart = action(health.CauseStopstart)
	actionFailStop  = action(health.CauseStop)
	actionMaxLoop   = action(health.CauseTooOften)

	actionLink    action = "link"    // the interface has no carrier, or too often none, or the machine's network does not fit
	actionRefused action = "refused" // the farm has another configuration
	actionRejoin  action = "rejoin"  // the other nodes took it for a process of its own before this one
	actionWakeup  action = "wakeup"  // what a node has waited for is there
)

// asked tells whether an operator wants what comes of it.
func (a action) asked() bool {
	return slices.Contains([]action{actionShutdown, actionStop, actionForceStop, actionDrain, actionCordon}, a)
}

// passes tells whether it is something that a node waits for the end of.
func (a action) passes() bool {
	return slices.Contains([]action{actionWait, actionLink, actionRefused}, a)
}
