// Package mutation names the ways in which tests break the confirmation
// protocol on purpose, to see that the simulation and the search notice. It is
// internal, so that nothing outside cluster/confirm can ask for a broken node.
package mutation

// Set is a set of mutations. The zero value is the protocol as it is meant.
type Set uint32

// Each mutation takes one part of the rules away.
const (
	// NoLease lets a confirmation count for ever.
	NoLease Set = 1 << iota
	// NoRule3 states the target at once: no agreement and no wait.
	NoRule3
	// NoWait leaves out rule 3b: who left the target unasked is not waited for.
	NoWait
	// OnePhase leaves out rule 3a: nobody has to agree to a view.
	OnePhase
	// LeaseFromReceipt counts a confirmation from its arrival.
	LeaseFromReceipt
	// NoClockMargin waits exactly one lease.
	NoClockMargin
	// NoStartWait lets a new process be up at once.
	NoStartWait
	// NoSettle states a first view without three heartbeats of listening.
	NoSettle
	// HearingIsNotMembership believes the membership alone.
	HearingIsNotMembership
	// NoRelay passes no heartbeats on.
	NoRelay
	// BootsUnordered takes any boot number but the last one for a new process.
	BootsUnordered
	// MapKept leaves the predecessor's deadline in the kernel's map.
	MapKept
	// NoEchoes accepts confirmations and agreement that echo old heartbeats.
	NoEchoes
	// NoStop keeps letting flows into buckets that the target takes away.
	NoStop
	// StallIsSilence blames the peers for the time that this node did not run.
	StallIsSilence
	// NoListening lets a node with nobody to ask go on right after a stall.
	NoListening
	// BootsProve believes a higher boot that says starting without an echo.
	BootsProve
	// RaiseIfNewer heeds the boots named in heartbeats that are not ignored only.
	RaiseIfNewer
	// ShortMemory lets a node without a view respect an up peer for W only.
	ShortMemory
	// StrangersCount counts members that state no view for the majority.
	StrangersCount
	// OwnLease waits for this node's own lease, whatever lease a peer runs.
	OwnLease
	// SilentIsGone forgets what a peer let flows into as soon as it is no member.
	SilentIsGone
	// JoiningIsSilence blames the peers for the time before a process that was restarted
	// in place has joined their membership again.
	JoiningIsSilence
	// ListedAreAll counts a majority of the configured nodes, whoever was met.
	ListedAreAll
)

// Has says whether every mutation of m is in s.
func (s Set) Has(m Set) bool { return s&m == m }
