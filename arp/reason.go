package arp

// Reason says what became of one received frame. It is what tests expect of
// the receive step, and the label of its counter.
type Reason uint8

// The reasons, in the order in which a frame is looked at. The first that holds
// is counted.
const (
	// Malformed is a frame that does not parse as Ethernet and ARP or NDP.
	Malformed Reason = iota
	// OwnFrame is a frame with this card's own Ethernet source.
	OwnFrame
	// Tagged is a frame of a VLAN, which is another segment than the VIP's.
	Tagged
	// BadHardwareType is an ARP packet for something else than Ethernet.
	BadHardwareType
	// BadProtocolType is an ARP packet for something else than IPv4.
	BadProtocolType
	// BadLength has other address lengths than Ethernet's 6 and IPv4's 4.
	BadLength
	// BadHopLimit is a neighbour message that has come through a router, or says
	// so: its hop limit is not 255 (RFC 4861, 7.1).
	BadHopLimit
	// BadChecksum is a neighbour message whose checksum is wrong.
	BadChecksum
	// BadTarget is a neighbour message about a multicast address, or a solicited
	// advertisement to everybody.
	BadTarget
	// BadSender has a sender that cannot be answered: a group or zero Ethernet
	// address, or a multicast or broadcast address; or it is a probe that is not
	// as one must be (RFC 4861, 7.1.1).
	BadSender
	// Conflict is a claim of a VIP by another Ethernet address than its VMAC
	// (RFC 5227 §2.4).
	Conflict
	// Announcement is a claim of a VIP with its right VMAC: another node of the
	// farm speaks.
	Announcement
	// NotRequest is a reply or advertisement of another address than a VIP, or an
	// operation that ARP for IPv4 does not have.
	NotRequest
	// NotBound asks for an address that is no VIP.
	NotBound
	// NotElected asks for a VIP that another node answers for.
	NotElected
	// OtherHost asks some other Ethernet address than a group's, the card's or
	// the VMAC. The interface sees it because switches flood.
	OtherHost
	// RateLimited would have been answered, but too many were.
	RateLimited
	// SendFailed would have been answered, but the socket refused the reply.
	SendFailed
	// ProbeDefended is an address probe (sender 0.0.0.0 or ::) for a VIP, which got
	// its answer: the address is taken (RFC 5227 §2.1.1; RFC 4862, 5.4.3).
	ProbeDefended
	// Answered is a request that got its answer.
	Answered

	numReasons
)

// String is the reason's name in metrics: lower case with underscores.
func (r Reason) String() string {
	if r >= numReasons {
		return "unknown"
	}
	return [numReasons]string{
		Malformed:       "malformed",
		OwnFrame:        "own_frame",
		Tagged:          "tagged",
		BadHardwareType: "bad_hardware_type",
		BadProtocolType: "bad_protocol_type",
		BadLength:       "bad_length",
		BadHopLimit:     "bad_hop_limit",
		BadChecksum:     "bad_checksum",
		BadTarget:       "bad_target",
		BadSender:       "bad_sender",
		Conflict:        "conflict",
		Announcement:    "announcement",
		NotRequest:      "not_request",
		NotBound:        "not_bound",
		NotElected:      "not_elected",
		OtherHost:       "other_host",
		RateLimited:     "rate_limited",
		SendFailed:      "send_failed",
		ProbeDefended:   "probe_defended",
		Answered:        "answered",
	}[r]
}
