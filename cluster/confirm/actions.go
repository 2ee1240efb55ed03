package confirm

// Actions are what an event leads to. The caller carries them out in the order
// of the fields, each completely before the next: when the heartbeat is sent,
// the data path must already have stopped what the heartbeat says has stopped.
type Actions struct {
	// Lease is what the data path must do from now on, nil if nothing changed.
	Lease *Lease
	// Broadcast is a heartbeat for everybody: every network, every known peer.
	Broadcast *Heartbeat
	// News says that Broadcast tells of a change or answers one: who receives it
	// must look at it at once. Any other only renews, and need not be looked at
	// before the receiver's own next heartbeat.
	News bool
	// Relays are heartbeats of others to be passed on.
	Relays []Relay
	// Events are for logs, status and metrics.
	Events []Event
	// Wake is when Tick must be called at the latest.
	Wake Time
}

// Lease is what the data path may let in.
//
// When Shrunk is set, buckets were taken away. The caller must zero the deadline
// in the kernel's map or swap the tables atomically, and make sure that no
// packet judged by the earlier table can still reach the stack, before it goes
// on; then it writes Deadline.
type Lease struct {
	// Deadline is when the node is fenced, on its own CLOCK_BOOTTIME; 0 is at
	// once. It holds for all Confirmed buckets.
	Deadline Time
	// Confirmed are the buckets that new flows may enter until Deadline.
	Confirmed Buckets
	// Held are the buckets that the node holds, Confirmed among them. The rest
	// of them are on ask.
	Held Buckets
	// Target are the buckets that the node heads for. New flows for those that
	// are not Confirmed are parked; what is parked for a bucket outside Target
	// must be dropped.
	Target Buckets
	// Released are the buckets that are no longer held and were. What handshakes
	// are half open in them must be handed over, as release number Release
	// (package handover).
	Released Buckets
	// Release numbers the times that buckets were released, in this boot. The
	// heartbeats carry it, so that the others know whose lists to wait for.
	Release uint64
	// Moved says that the sets differ from those of the Lease before.
	Moved bool
	// Shrunk says that buckets are no longer Confirmed that were.
	Shrunk bool
}

// differs says whether the sets of both are not the same.
func (l Lease) differs(o Lease) bool {
	return !l.Confirmed.Equal(o.Confirmed) || !l.Held.Equal(o.Held) || !l.Target.Equal(o.Target)
}

// Relay is a heartbeat to be passed on to one peer.
type Relay struct {
	To        string
	Heartbeat *Heartbeat
}

// EventKind says what happened.
type EventKind uint8

const (
	// PhaseChanged is this node's entry into Event.Phase.
	PhaseChanged EventKind = iota + 1
	// TargetChanged is a new target, Event.View.
	TargetChanged
	// Stated is a view newly stated, Event.View, or taken up again.
	Stated
	// Fenced is the end of letting flows in anywhere.
	Fenced
	// Unfenced is its beginning.
	Unfenced
	// PeerRestarted is a new process of Event.Peer.
	PeerRestarted
	// BootRaised is this node starting over with a higher boot: the clock was
	// set back between two processes of it.
	BootRaised
	// DuplicateName is another machine with this node's name.
	DuplicateName
)

var eventNames = [...]string{
	PhaseChanged: "phase_changed", TargetChanged: "target_changed", Stated: "stated",
	Fenced: "fenced", Unfenced: "unfenced", PeerRestarted: "peer_restarted",
	BootRaised: "boot_raised", DuplicateName: "duplicate_name",
}

// String names the kind as logs and the API show it.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "unknown"
}

// Event is something worth telling a person.
type Event struct {
	Kind  EventKind
	Peer  string
	View  ViewID
	Phase Phase
}

// event adds an event to the actions.
func (n *Node) event(e Event) { n.out.Events = append(n.out.Events, e) }

// Counters count since the process started.
type Counters struct {
	// Sent and Received are heartbeats, Received without those ignored.
	Sent, Received uint64
	// Relayed are heartbeats of others passed on.
	Relayed uint64
	// StaleBoot and StaleSeq are heartbeats ignored: of a process that is gone,
	// or not newer than the last.
	StaleBoot, StaleSeq uint64
}
