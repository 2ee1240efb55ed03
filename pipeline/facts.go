package pipeline

// FlowState is what this machine's sockets say about a TCP packet, and conntrack
// about a TCP or UDP packet of a rule that forwards. The kernel
// program counts by the same numbers (xsk/bpf/flows.h); a test holds the two
// together.
type FlowState uint8

const (
	// FlowNone is no socket, or nobody has looked.
	FlowNone FlowState = iota
	// FlowListen is a socket that listens, and a packet without a SYN cookie of its.
	FlowListen
	// FlowKnown is a socket of the flow's own, or an entry of conntrack's, half-open
	// and closing ones too.
	FlowKnown
	// FlowTimeWait is a flow that was here and is over, or an entry of conntrack's that
	// is being closed, and a packet that goes on with it.
	FlowTimeWait
	// FlowCookie is a packet with a valid SYN cookie: its socket is to come.
	FlowCookie

	// FlowLen is how many states there are.
	FlowLen
)

// known tells whether a packet that opens nothing has its flow here.
func (s FlowState) known() bool { return s >= FlowKnown && s < FlowLen }

// Facts are what the kernel program found out about a packet that it hands over.
// The zero value is a packet that came without, since the driver has no room for
// metadata: its flow counts as unknown, so that it is accepted only where no
// flow need be known, and as fresh.
type Facts struct {
	// Flow is what a socket or conntrack says about the packet.
	Flow FlowState
	// HalfOpen says that another node has the flow's handshake half done, or a UDP
	// flow of a rule that forwards; only packets that may open a flow are asked about.
	HalfOpen bool
	// Remembered says that this node has had the client and keeps it, Mine that no
	// other node does, Elsewhere that another one does. Only packets that open a flow
	// under a rule with stickiness are asked about.
	Remembered, Mine, Elsewhere bool
	// Stamped says that the facts are there at all.
	Stamped bool
	// Waited says that the packet is judged again: it was parked when it came, and so
	// has been answered by nobody.
	Waited bool
	// Time is when the program had the packet, if it opens a flow: the low bits of
	// CLOCK_BOOTTIME in units of 2^16 ns, 66 µs. They come round after 78 hours.
	Time uint32
}

// The layout of the metadata (xsk/bpf/facts.h), in the machine's byte order.
const (
	factsMagic    = 0xfa01
	factsHalfOpen = 1
	factsUnit     = 16 // bits of a nanosecond clock that Time leaves out

	factsRemembered, factsMine, factsElsewhere = 2, 4, 8
)

// ParseFacts reads the eight bytes of metadata before a packet, loaded
// little-endian.
func ParseFacts(meta uint64) Facts {
	flow := FlowState(meta >> 16)
	if uint16(meta) != factsMagic || flow >= FlowLen {
		return Facts{}
	}
	return Facts{
		Flow:     flow,
		HalfOpen: meta>>24&factsHalfOpen != 0,
		Stamped:  true,

		Remembered: meta>>24&factsRemembered != 0, Mine: meta>>24&factsMine != 0, Elsewhere: meta>>24&factsElsewhere != 0,

		Time: uint32(meta >> 32),
	}
}

// lateAfter is how old a packet that opens a flow may be, in units of
// Facts.Time: 300 ms (DESIGN §3, parking). By then its client's next one is on
// its way (RFC 6298 §2: no sooner than a second, in practice 200 ms and more).
const lateAfter = 300_000_000 >> factsUnit

// late tells whether the packet has waited too long to open a flow at now. A
// stamp in the future is of a packet that came after the clock was read.
func (f Facts) late(now int64) bool {
	return f.Stamped && int32(uint32(now>>factsUnit)-f.Time) > lateAfter
}

// early tells whether a packet that is judged for the first time may have come before t,
// in nanoseconds of CLOCK_BOOTTIME.
func (f Facts) early(t int64) bool {
	return f.Stamped && !f.Waited && int32(uint32(t>>factsUnit)-f.Time) >= 0
}

// Lease is how long this node may let new flows in, as it was when a batch was
// begun. The zero value is a fenced node.
type Lease struct {
	// Now and Deadline are in nanoseconds of CLOCK_BOOTTIME.
	Now, Deadline int64
	// Grant is until when clients that this node keeps may open flows in buckets
	// of others; 0 for not at all.
	Grant int64
}

// good tells whether new flows may be let in.
func (l Lease) good() bool { return l.Now < l.Deadline }
