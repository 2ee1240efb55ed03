package confirm

import "thresher/cluster/confirm/internal/mutation"

// The parts of the rules that tests can take away, by the names that the rules'
// code uses.
const (
	mutNoLease   = mutation.NoLease
	mutNoRule3   = mutation.NoRule3
	mutNoWait    = mutation.NoWait
	mutOnePhase  = mutation.OnePhase
	mutReceipt   = mutation.LeaseFromReceipt
	mutNoMargin  = mutation.NoClockMargin
	mutNoStart   = mutation.NoStartWait
	mutNoSettle  = mutation.NoSettle
	mutHearing   = mutation.HearingIsNotMembership
	mutNoRelay   = mutation.NoRelay
	mutBoots     = mutation.BootsUnordered
	mutMapKept   = mutation.MapKept
	mutNoEchoes  = mutation.NoEchoes
	mutNoStop    = mutation.NoStop
	mutStall     = mutation.StallIsSilence
	mutNoListen  = mutation.NoListening
	mutProve     = mutation.BootsProve
	mutRaise     = mutation.RaiseIfNewer
	mutMemory    = mutation.ShortMemory
	mutStrangers = mutation.StrangersCount
	mutOwnLease  = mutation.OwnLease
	mutLinger    = mutation.SilentIsGone
	mutJoining   = mutation.JoiningIsSilence
	mutListed    = mutation.ListedAreAll
)
