package sticky

import (
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
)

// Standing is what an owner knows of a client.
type Standing uint8

const (
	// Unknown is one that must be asked about.
	Unknown Standing = iota
	// Mine is one that no other node remembers.
	Mine
	// Elsewhere is one that another node remembers.
	Elsewhere
)

// Verdict is what an owner has learnt of a client.
type Verdict struct {
	Client   Client
	Standing Standing
}

// Actions are what an event leads to, in the order in which it must be done.
type Actions struct {
	// Forget has the data path forget all verdicts. Nothing else of the actions may
	// be done before no packet is judged by them.
	Forget bool
	// Unsettled are the sticky-unsettled buckets, whoever's. They must be in force
	// no later than the change of held buckets that was told in the same event,
	// and before anything is sent.
	Unsettled confirm.Buckets
	// Grant is until when clients that are remembered may be let into buckets of
	// others, 0 for not at all. If it is earlier than before, the change must be in
	// force before anything is sent.
	Grant confirm.Time
	// Verdicts are to be taken over, one after another.
	Verdicts []Verdict
	// Sweep asks for a sweep of the memory: forget clients that have been idle for
	// their rule's time, and list the buckets of the others. All that were last
	// let in before ClearBefore are to be forgotten, too, if it is not 0. The caller answers with Swept or SweepFailed, and is not asked again before.
	Sweep       bool
	ClearBefore confirm.Time
	// Reports are settle's, on the way that they are sent reliably.
	Reports []settle.Outgoing
	// Send are messages, to be sent best effort when everything else is in force.
	Send []Outgoing
	// Wake is when Tick must be called at the latest.
	Wake confirm.Time
}

// Status is a picture of a node, for people and metrics.
type Status struct {
	// Held and Foreign count the sticky-unsettled buckets that this node holds, and
	// those of others in which it remembers clients or may.
	Held, Foreign int
	// Pending is how many clients are being asked about.
	Pending int
	// Asked and Answered count clients since the start, Lapsed how often this node
	// had to forget its clients as a holder.
	Asked, Answered, Lapsed uint64
}
