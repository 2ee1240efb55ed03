package cluster

import "fmt"

// Phase is where in its life a node says that it is (DESIGN §5).
type Phase uint8

// The phases. 0 is none of them, so that a forgotten one is noticed.
const (
	// Starting lets nothing in yet: it has not joined, or is not ready.
	Starting Phase = iota + 1
	// Up may own buckets.
	Up
	// Leaving lets nothing new in and finishes what it has.
	Leaving
	// Stopped lets nothing in but stays a member, so that it can be seen and
	// started again.
	Stopped
	// Draining lets nothing new in, by an operator's wish, until its last flow
	// has ended.
	Draining
	// Waiting lets nothing in until what it needs is there.
	Waiting
)

// String returns the phase as status and logs write it. A phase of a later
// release is written as its number.
func (p Phase) String() string {
	switch p {
	case Starting:
		return "starting"
	case Up:
		return "up"
	case Leaving:
		return "leaving"
	case Stopped:
		return "stopped"
	case Draining:
		return "draining"
	case Waiting:
		return "waiting"
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

func (p Phase) known() bool { return p >= Starting && p <= Waiting }
