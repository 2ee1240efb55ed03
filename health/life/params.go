package life

import "time"

// Action is what a check that goes down has the node do.
type Action uint8

const (
	// Nothing but withdraw rules.
	Nothing Action = iota
	// Wait takes the node out until the check is up.
	Wait
	// Restart restarts services while the node stays ready.
	Restart
	// Stopstart takes the node out, restarts all services and comes back.
	Stopstart
	// Stop stops the node.
	Stop
)

// Cause is what has a node go out by itself.
type Cause string

// The causes; a restart in place is none, since the node stays ready.
const (
	CauseWait      Cause = "wait"      // a check with action wait
	CauseStopstart Cause = "stopstart" // a check with action stopstart
	CauseStop      Cause = "failstop"  // a check with action stop
	CauseTooOften  Cause = "maxloop"   // a service or a stopstart, once too often
)

// Service is a service as far as the node's life is about it.
type Service struct {
	Name string
	// After are the services that must be up before this one.
	After []string
	// Rules are withdrawn while it is not up.
	Rules []string
}

// Check is a check as far as the node's life is about it.
type Check struct {
	Name string
	// Pre runs from held on, the others only while the services run.
	Pre    bool
	Action Action
	// Rules are withdrawn while it is down.
	Rules []string
	// Services are those that it looks at.
	Services []string
	// MaxRestarts times within Within it may act by Stopstart.
	MaxRestarts int
	Within      time.Duration
}

// Params are a node's services and checks.
type Params struct {
	Services []Service
	Checks   []Check
	// Manual has a node that waited stay out until an operator starts it.
	Manual bool
}

// Phase is where the node stands.
type Phase uint8

// The phases, in their order.
const (
	Off Phase = iota
	Held
	Starting
	Ready
	Closing
	Stopping
)

// String returns the phase's name.
func (p Phase) String() string {
	return [...]string{"off", "held", "starting", "ready", "closing", "stopping"}[p]
}

// Do is what is to be done about one service or check.
type Do uint8

// What can be done.
const (
	WantService Do = iota
	UnwantService
	ForceService // unwant without asking
	FailService  // Why says what it does not do
	RunCheck
	EndCheck
)

// String returns its name, as tests have it.
func (d Do) String() string {
	return [...]string{"want", "unwant", "force", "fail", "run", "end"}[d]
}

// Step is one thing to do.
type Step struct {
	Do   Do
	Name string
	Why  string
}
