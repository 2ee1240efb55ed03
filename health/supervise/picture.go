package supervise

import (
	"time"

	"thresher/health/check"
	"thresher/health/life"
)

// Picture is where services and checks stand. It is never changed after it was
// published.
type Picture struct {
	// Phase is the node's, Reason why it is not ready.
	Phase  life.Phase
	Reason string
	// Halted says why the node has stopped by itself; "" if it has not.
	Halted string
	// Cause is what has last had the node go out by itself; "" for nothing since its start.
	Cause life.Cause
	// Waits says that the node is out until a check is up.
	Waits bool
	// Suspended says that checks do not count.
	Suspended bool
	// Withdrawn are the rules that must not be served here, with the reason.
	Withdrawn map[string]string
	// Weights are what agents want of rules, in percent; rules that no agent speaks
	// of are not in it.
	Weights  map[string]int
	Checks   []Check
	Services []Service
}

// Ready says whether traffic may come in.
func (p *Picture) Ready() bool { return p.Phase == life.Ready }

// Check is one check.
type Check struct {
	Name    string
	Verdict check.Verdict
	// Detail is what its last run has found, Warning what will go wrong.
	Detail, Warning string
	// Since is when the verdict began.
	Since time.Time
}

// Service is one service.
type Service struct {
	Name  string
	State string
	// Detail is the last failure, Restarts how many there were within the window.
	Detail   string
	Restarts int
}

// Event is something that an operator wants to know.
type Event struct {
	// Kind is check_up, check_down, check_warning, service_up, service_down, …
	Kind    string
	Bad     bool // worth a warning
	Name    string
	Message string
}
