package pipeline

// Verdict is what becomes of a frame.
type Verdict uint8

const (
	// Untouched frames are none of the farm's: they go on as they came.
	Untouched Verdict = iota
	// Accept hands the frame to this machine's stack, its destination Ethernet
	// address set to the interface's own.
	Accept
	// Forward hands the frame to another node of the farm, as it is but for its
	// Ethernet addresses.
	Forward
	// Hold keeps the frame for a moment, until it can be told whose it is.
	Hold
	// Drop ends the frame here.
	Drop
)

// Reason is why a frame got its verdict. Its name is the name of its counter.
//
// The kernel program counts by the same numbers: xsk/bpf/reason.h repeats this
// list, and a test holds the two together.
type Reason uint8

// The reasons, by verdict.
const (
	// Other is a frame that is not for a VIP.
	Other Reason = iota

	// Accepted is a packet of a rule, in a bucket that is this node's.
	Accepted
	// AcceptedKnown is a packet of a flow that this node has, in a bucket where
	// that is what counts: an unsettled one, or any when the lease is over.
	AcceptedKnown
	// AcceptedSticky is a packet that opens a flow, in another node's bucket, of a
	// client that this node has had and keeps.
	AcceptedSticky
	// AcceptedEcho is an ICMP echo request in a bucket that is this node's.
	AcceptedEcho
	// AcceptedICMPError is an ICMP error about a flow that is this node's, or may be:
	// nobody answers it (RFC 1122 §3.2.2), so that several may take it.
	AcceptedICMPError
	// AcceptedNeighbour is an ARP packet, or one of neighbour discovery, sent to the
	// VMAC: a client's unicast re-check of its cache. The stack does not answer for
	// VIPs, the responder does.
	AcceptedNeighbour
	// AcceptedOwn is a packet under no rule, of a connection that this machine has:
	// one that it opened from the VIP, or that an earlier default let in.
	AcceptedOwn
	// AcceptedDefault is a packet under no rule, let in by the default.
	AcceptedDefault

	// Forwarded is a client's packet for a VIP in mode directed, in a bucket in which
	// another node alone has flows, or may let some in: it goes on to that one.
	Forwarded

	// Parked is a packet that would open a flow in a bucket that this node is
	// about to get.
	Parked
	// ParkedSticky is a packet that would open a flow, in a bucket that is this
	// node's, of a client that another node may have had: that is being asked.
	ParkedSticky
	// Fragment is a part of a datagram, which is judged with the others
	// (Fragments): counted where it is kept for the first one to come.
	Fragment
	// Copied is a client's packet for a VIP in mode directed of which cannot be told
	// which node it is for: all others get copies, and this node judges its own as
	// they do.
	Copied

	// NotMine is a packet in a bucket of another node: the farm's everyday drop.
	NotMine
	// NotServing is a packet that came while this node serves nothing.
	NotServing
	// NotVIP is a packet sent to a VMAC for an address that is no VIP.
	NotVIP
	// NoRule is a packet for a VIP that matches no rule, where the default is deny.
	NoRule
	// Blocked is a packet of a rule that nobody serves.
	Blocked
	// Malformed is a packet whose headers contradict themselves or the frame.
	Malformed
	// OtherProtocol is a packet for a VIP of a protocol that rules cannot name.
	OtherProtocol
	// OtherICMP is an ICMP message for a VIP that is neither echo request nor error.
	OtherICMP
	// Martian is a packet whose source no client can have (RFC 1812 §5.3.7), or
	// that claims to come from the VIP that it is for (a "land" packet).
	Martian
	// PortZero is a TCP or UDP packet from or to port 0.
	PortZero
	// Fenced is a packet that would have been accepted if the node's lease were
	// not over.
	Fenced
	// UnknownFlow is a packet of a flow that this node does not have, in a bucket
	// where another node may have it.
	UnknownFlow
	// HalfOpenElsewhere is a packet that would open a flow which another node has
	// answered already.
	HalfOpenElsewhere
	// Late is a packet that would open a flow but waited too long to be judged:
	// by now its client has sent another, which another node may have answered.
	Late
	// ParkFull is a packet that there was no room to park.
	ParkFull
	// StickyElsewhere is a packet that would open a flow, in a bucket that is this
	// node's, of a client that another node has had and keeps.
	StickyElsewhere
	// Orphan is a part of a datagram whose first one did not come in time.
	Orphan
	// NoReader is a packet that found no socket to go to; only the kernel
	// program meets it.
	NoReader
	// TooLong is a packet that would have to be asked about and is longer than a
	// socket takes; only the kernel program meets it.
	TooLong

	// ReasonLen is how many reasons there are.
	ReasonLen
)

// reasons names each reason and says which verdict it belongs to.
var reasons = [ReasonLen]struct {
	name    string
	verdict Verdict
}{
	Other:             {"other", Untouched},
	Accepted:          {"accepted", Accept},
	AcceptedKnown:     {"accepted_known", Accept},
	AcceptedSticky:    {"accepted_sticky", Accept},
	AcceptedEcho:      {"accepted_echo", Accept},
	AcceptedICMPError: {"accepted_icmp_error", Accept},
	AcceptedNeighbour: {"accepted_neighbour", Accept},
	AcceptedOwn:       {"accepted_own", Accept},
	AcceptedDefault:   {"accepted_default", Accept},
	Forwarded:         {"forwarded", Forward},
	Parked:            {"parked", Hold},
	ParkedSticky:      {"parked_sticky", Hold},
	Fragment:          {"fragment", Hold},
	Copied:            {"copied", Hold},
	NotMine:           {"not_mine", Drop},
	NotServing:        {"not_serving", Drop},
	NotVIP:            {"not_vip", Drop},
	NoRule:            {"no_rule", Drop},
	Blocked:           {"blocked", Drop},
	Malformed:         {"malformed", Drop},
	OtherProtocol:     {"other_protocol", Drop},
	OtherICMP:         {"other_icmp", Drop},
	Martian:           {"martian", Drop},
	PortZero:          {"port_zero", Drop},
	Fenced:            {"fenced", Drop},
	UnknownFlow:       {"unknown_flow", Drop},
	HalfOpenElsewhere: {"half_open_elsewhere", Drop},
	Late:              {"late", Drop},
	ParkFull:          {"park_full", Drop},
	StickyElsewhere:   {"sticky_elsewhere", Drop},
	Orphan:            {"fragment_orphan", Drop},
	NoReader:          {"no_reader", Drop},
	TooLong:           {"too_long", Drop},
}

// String is the name of the reason's counter.
func (r Reason) String() string {
	if r >= ReasonLen {
		return "unknown"
	}
	return reasons[r].name
}

// Verdict is what becomes of a frame with this reason.
func (r Reason) Verdict() Verdict {
	if r >= ReasonLen {
		return Drop
	}
	return reasons[r].verdict
}
