package config

import (
	"net/netip"
	"regexp"
	"time"
)

// Life is how a node comes up, and how it goes.
type Life struct {
	// Boot is whether the node comes up with its daemon.
	Boot Boot
	// BootDelay is how long it waits before it does.
	BootDelay time.Duration
	// Rejoin is whether a node that a check has stopped for want of something comes
	// back by itself when that is there again.
	Rejoin Rejoin
	// SlowStart is how long the node's weight takes to grow when it comes up; 0 for
	// not at all.
	SlowStart time.Duration
	// StopDrain is how long connections get to end before a stop takes services
	// down.
	StopDrain time.Duration
	// ResetOnStop has an operator's stop forget earlier failures.
	ResetOnStop bool
	// NoVIPChecks switches off the checks that every VIP has: its interface's and its
	// address's.
	NoVIPChecks bool
}

// Service is something that must run for the node to serve: a systemd unit, or
// what commands start and stop.
type Service struct {
	// Name identifies the service in status, checks and commands.
	Name string
	// Systemd is the unit; empty for a service of commands.
	Systemd string
	// Start, Stop and Ready are command lines. Start and Stop end when they are
	// done. Ready is repeated until it succeeds; empty for a service that is ready
	// when it has started.
	Start, Stop, Ready []string
	// Environment is added to the commands', as KEY=VALUE.
	Environment []string
	// StartTimeout holds for start and ready together.
	StartTimeout, StopTimeout time.Duration
	// After are the services that must be up before this one is started, and that
	// are stopped after it.
	After []string
	// MaxRestarts failures within Within stop the node.
	MaxRestarts int
	Within      time.Duration
	// Rules are those that are withdrawn while the service is not up; empty means
	// all.
	Rules []string
	// WithdrawsNone says that no rule is withdrawn then.
	WithdrawsNone bool
	// Process finds the service's main process, so that its end is noticed at once;
	// nil for a service whose process is not watched.
	Process *Process
}

// Process finds processes.
type Process struct {
	// PidFile has the number of the process in its first line.
	PidFile string
	// Name is the name of the program's file.
	Name string
	// Args fits the arguments, joined by spaces; nil fits all.
	Args *regexp.Regexp
}

// Check is one health check.
type Check struct {
	// Name identifies the check in status and events.
	Name string
	// Type picks which of the fields below Action count.
	Type CheckType
	// Interval is the most from the beginning of one run to that of the next, Timeout
	// how long one may take.
	Interval, Timeout time.Duration
	// Jitter is by how much of it an interval may be shorter, 0 to 0.5.
	Jitter float64
	// Rise successes in a row make the check up again, Fall failures down.
	Rise, Fall int
	// Phase is when the check runs.
	Phase CheckPhase
	// Action is what a check does that goes down, beside withdrawing rules.
	Action Action
	// Rules are withdrawn while the check is down; empty means all of them.
	Rules []string
	// WithdrawsNone says that the check withdraws no rule: its list is there and
	// empty, or it has the whole node wait.
	WithdrawsNone bool
	// Services are those that a restart is about; empty means all.
	Services []string
	// MaxRestarts times within Within the check may act by stopstart before the
	// node stops.
	MaxRestarts int
	Within      time.Duration

	HTTP      HTTPCheck
	TCP       TCPCheck
	Process   ProcessCheck
	Ping      PingCheck
	Interface InterfaceCheck
	Address   AddressCheck
	DNS       DNSCheck
	Exec      ExecCheck
	Unit      string // of a systemd check
}

// HTTPCheck asks a web server, for types http and module.
type HTTPCheck struct {
	URL    string
	Method string
	// Host is the host header and the TLS server's name; empty takes the URL's.
	Host string
	// Connect is where to connect to; empty takes the URL's.
	Connect string
	// Status are the answers that are right.
	Status []PortRange
	// Body must be found in the first MiB of the answer; nil takes any.
	Body *regexp.Regexp
	// Headers must be in the answer, as Name: value; without a value any will do.
	Headers []string
	// CAFile has who may sign the server's certificate; empty takes the system's.
	CAFile string
	// SkipVerify takes any certificate.
	SkipVerify bool
	// ExpiryWarning warns so long before the certificate ends; 0 for never.
	ExpiryWarning time.Duration
}

// TCPCheck connects to a server.
type TCPCheck struct {
	Target string
	// StartTLS is the protocol that TLS begins in: smtp, imap, pop3, ftp; tls for
	// at once; empty for no TLS.
	StartTLS string
	// Send is sent when connected; Expect must come.
	Send   string
	Expect *regexp.Regexp
	// Agent reads what weight the server wants to have.
	Agent bool
	// SkipVerify takes any certificate.
	SkipVerify bool
}

// ProcessCheck counts processes.
type ProcessCheck struct {
	Process
	AtLeast, AtMost int // AtMost 0 is no limit
}

// PingCheck asks hosts for an echo.
type PingCheck struct {
	Targets []netip.Addr
	// AtLeast so many must answer.
	AtLeast int
}

// InterfaceCheck looks after a link.
type InterfaceCheck struct {
	Interface string
	// MinSpeed is in Mb/s; 0 takes any.
	MinSpeed int
}

// AddressCheck looks for an address on this machine.
type AddressCheck struct {
	Address netip.Addr
	// Interface must have it; empty takes any.
	Interface string
}

// DNSCheck asks a name server.
type DNSCheck struct {
	Server string // with port
	Query  string
	Record string // A, AAAA, …
	// TCP asks by TCP.
	TCP bool
	// Expect must be found in an answer's text; nil takes any answer without error.
	Expect *regexp.Regexp
}

// ExecCheck runs a program with the exit codes of Nagios plug-ins.
type ExecCheck struct {
	Command     []string
	Environment []string
	// Agent reads from the first line what weight the node is to have.
	Agent bool
}

// Boot is whether a node comes up with its daemon.
type Boot uint8

const (
	// BootOn brings the node up.
	BootOn Boot = iota + 1
	// BootOff leaves it stopped until somebody starts it.
	BootOff
	// BootAsBefore leaves a node stopped that an operator had stopped.
	BootAsBefore
)

// String returns the choice as the file spells it.
func (b Boot) String() string { return boots.name(b) }

var boots = enum[Boot]{"boot", []word[Boot]{{"on", BootOn}, {"off", BootOff}, {"as-before", BootAsBefore}}}

// Rejoin is whether a node that waits comes back by itself.
type Rejoin uint8

const (
	// RejoinAuto comes back as soon as what was wanting is there.
	RejoinAuto Rejoin = iota + 1
	// RejoinManual waits for an operator's start.
	RejoinManual
)

// String returns the choice as the file spells it.
func (r Rejoin) String() string { return rejoins.name(r) }

var rejoins = enum[Rejoin]{"rejoin", []word[Rejoin]{{"auto", RejoinAuto}, {"manual", RejoinManual}}}

// CheckType is what a check looks at.
type CheckType uint8

// The types of checks.
const (
	CheckHTTP CheckType = iota + 1
	CheckTCP
	CheckProcess
	CheckPing
	CheckInterface
	CheckAddress
	CheckDNS
	CheckExec
	CheckSystemd
	CheckModule
)

// CanHang tells whether what a check of the type asks may accept and not answer; the
// others only look at what this machine's kernel knows.
func (t CheckType) CanHang() bool {
	switch t {
	case CheckProcess, CheckInterface, CheckAddress:
		return false
	}
	return true
}

// String returns the type as the file spells it.
func (t CheckType) String() string { return checkTypes.name(t) }

var checkTypes = enum[CheckType]{"check type", []word[CheckType]{
	{"http", CheckHTTP}, {"tcp", CheckTCP}, {"process", CheckProcess}, {"ping", CheckPing},
	{"interface", CheckInterface}, {"address", CheckAddress}, {"dns", CheckDNS}, {"exec", CheckExec},
	{"systemd", CheckSystemd}, {"module", CheckModule},
}}

// CheckPhase is when a check runs.
type CheckPhase uint8

const (
	// PhasePre runs from before the services start until the node is stopped: for
	// what the services need.
	PhasePre CheckPhase = iota + 1
	// PhaseBoth runs while the services run: for the services themselves.
	PhaseBoth
)

// String returns the phase as the file spells it.
func (p CheckPhase) String() string { return checkPhases.name(p) }

var checkPhases = enum[CheckPhase]{"phase", []word[CheckPhase]{{"pre", PhasePre}, {"both", PhaseBoth}}}

// Action is what a check that goes down has the node do.
type Action uint8

const (
	// ActionNone does nothing but withdraw the rules that the check names.
	ActionNone Action = iota + 1
	// ActionWait takes the node out until the check is up.
	ActionWait
	// ActionRestart restarts services while the node stays up.
	ActionRestart
	// ActionStopstart takes the node out, restarts all services and comes back.
	ActionStopstart
	// ActionStop stops the node.
	ActionStop
)

// String returns the action as the file spells it.
func (a Action) String() string { return actions.name(a) }

var actions = enum[Action]{"action", []word[Action]{
	{"restart", ActionRestart}, {"stopstart", ActionStopstart}, {"stop", ActionStop},
	{"wait", ActionWait}, {"none", ActionNone},
}}
