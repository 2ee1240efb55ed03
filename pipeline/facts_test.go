package pipeline

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// metadata is what the kernel program writes.
func metadata(magic uint16, flow, flags uint8, time uint32) uint64 {
	return uint64(magic) | uint64(flow)<<16 | uint64(flags)<<24 | uint64(time)<<32
}

func TestParseFacts(t *testing.T) {
	for _, tt := range []struct {
		name string
		meta uint64
		want Facts
	}{
		{"none", 0, Facts{}},
		{"all", metadata(0xfa01, 3, 1, 77), Facts{Flow: FlowTimeWait, HalfOpen: true, Stamped: true, Time: 77}},
		{"nothing known", metadata(0xfa01, 0, 0, 0), Facts{Stamped: true}},
		{"flags of later versions", metadata(0xfa01, 4, 0xf0, 1), Facts{Flow: FlowCookie, Stamped: true, Time: 1}},
		{"a client", metadata(0xfa01, 1, 2|8, 1), Facts{Flow: FlowListen, Remembered: true, Elsewhere: true, Stamped: true, Time: 1}},
		{"another version", metadata(0xfa02, 2, 0, 1), Facts{}},
		{"another program's", metadata(0x1234, 2, 1, 1), Facts{}},
		{"a state that is none", metadata(0xfa01, 5, 0, 1), Facts{}},
	} {
		if got := ParseFacts(tt.meta); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// FuzzParseFacts: metadata is either none, or says what can be said again.
func FuzzParseFacts(f *testing.F) {
	f.Add(make([]byte, 8))
	f.Add(binary.LittleEndian.AppendUint64(nil, metadata(0xfa01, 2, 1, 1<<31)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 8 {
			return
		}
		got := ParseFacts(binary.LittleEndian.Uint64(b))
		if !got.Stamped {
			if got != (Facts{}) {
				t.Errorf("%+v out of no metadata %x", got, b[:8])
			}
			return
		}
		flags := uint8(0)
		if got.HalfOpen {
			flags = 1
		}
		for flag, set := range map[uint8]bool{factsRemembered: got.Remembered, factsMine: got.Mine, factsElsewhere: got.Elsewhere} {
			if set {
				flags |= flag
			}
		}
		if again := ParseFacts(metadata(0xfa01, uint8(got.Flow), flags, got.Time)); again != got {
			t.Errorf("%+v, then %+v", got, again)
		}
	})
}

func TestLateAfter300Milliseconds(t *testing.T) {
	const unit = 1 << factsUnit
	day := int64(24 * time.Hour)
	stamp := func(at int64) Facts { return Facts{Stamped: true, Time: uint32(at >> factsUnit)} }
	for _, tt := range []struct {
		name  string
		facts Facts
		now   int64
		want  bool
	}{
		{"fresh", stamp(day), day, false},
		{"299 ms", stamp(day), day + 299e6, false},
		{"302 ms", stamp(day), day + 302e6, true},
		{"a minute", stamp(day), day + 60e9, true},
		{"came after the clock was read", stamp(day + 2*unit), day, false},
		{"the stamp came round", Facts{Stamped: true, Time: math.MaxUint32}, int64(math.MaxUint32)*unit + 5*unit, false},
		{"came round and late", Facts{Stamped: true, Time: math.MaxUint32}, int64(math.MaxUint32)*unit + 400e6, true},
		{"no stamp", Facts{}, day, false},
	} {
		if got := tt.facts.late(tt.now); got != tt.want {
			t.Errorf("%s: late %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestStandings is the verdict, case by case, as DESIGN §3 says it in words.
func TestStandings(t *testing.T) {
	type bucket = standing
	mine, mineUnsettled := bucket{mine: true}, bucket{mine: true, unsettled: true}
	ask, other, otherUnsettled := bucket{ask: true, unsettled: true}, bucket{}, bucket{unsettled: true}
	listen, none := Facts{Flow: FlowListen}, Facts{}
	has, wait, cookie := Facts{Flow: FlowKnown}, Facts{Flow: FlowTimeWait}, Facts{Flow: FlowCookie}
	halfOpen := Facts{Flow: FlowListen, HalfOpen: true}
	over := Lease{Now: 2, Deadline: 2}
	for _, tt := range []struct {
		kind  string
		judge func(standing, Facts, Lease) Reason
		bucket
		Facts
		Lease
		want Reason
	}{
		{"flow", standing.judgeFlow, mine, none, goodLease, Accepted},
		{"flow", standing.judgeFlow, mine, none, over, Fenced},
		{"flow", standing.judgeFlow, mine, listen, over, Fenced},
		{"flow", standing.judgeFlow, mine, has, over, AcceptedKnown},
		{"flow", standing.judgeFlow, mine, cookie, over, AcceptedKnown},
		{"flow", standing.judgeFlow, mineUnsettled, has, goodLease, AcceptedKnown},
		{"flow", standing.judgeFlow, mineUnsettled, listen, goodLease, UnknownFlow},
		{"flow", standing.judgeFlow, mineUnsettled, has, over, AcceptedKnown},
		{"flow", standing.judgeFlow, ask, wait, over, AcceptedKnown},
		{"flow", standing.judgeFlow, ask, none, over, UnknownFlow},
		{"flow", standing.judgeFlow, other, has, goodLease, NotMine},
		{"flow", standing.judgeFlow, otherUnsettled, has, over, AcceptedKnown},
		{"flow", standing.judgeFlow, otherUnsettled, none, goodLease, UnknownFlow},

		{"syn", standing.judgeSYN, mine, none, goodLease, Accepted},
		{"syn", standing.judgeSYN, mine, halfOpen, goodLease, Accepted},
		{"syn", standing.judgeSYN, mine, has, over, Fenced},
		{"syn", standing.judgeSYN, mineUnsettled, listen, goodLease, Accepted},
		{"syn", standing.judgeSYN, mineUnsettled, halfOpen, goodLease, HalfOpenElsewhere},
		{"syn", standing.judgeSYN, mineUnsettled, halfOpen, over, Fenced},
		{"syn", standing.judgeSYN, ask, none, over, Parked},
		{"syn", standing.judgeSYN, ask, halfOpen, goodLease, Parked},
		{"syn", standing.judgeSYN, other, has, goodLease, NotMine},
		{"syn", standing.judgeSYN, otherUnsettled, has, goodLease, AcceptedKnown},
		{"syn", standing.judgeSYN, otherUnsettled, has, over, NotMine},
		{"syn", standing.judgeSYN, otherUnsettled, wait, goodLease, NotMine},
		{"syn", standing.judgeSYN, otherUnsettled, listen, goodLease, NotMine},

		{"forwarded udp", standing.judgeForwardedUDP, mine, none, goodLease, Accepted},
		{"forwarded udp", standing.judgeForwardedUDP, mine, halfOpen, goodLease, Accepted},
		{"forwarded udp", standing.judgeForwardedUDP, mine, has, over, AcceptedKnown},
		{"forwarded udp", standing.judgeForwardedUDP, mine, none, over, Fenced},
		{"forwarded udp", standing.judgeForwardedUDP, mineUnsettled, none, goodLease, Accepted},
		{"forwarded udp", standing.judgeForwardedUDP, mineUnsettled, has, over, AcceptedKnown},
		{"forwarded udp", standing.judgeForwardedUDP, mineUnsettled, halfOpen, goodLease, HalfOpenElsewhere},
		{"forwarded udp", standing.judgeForwardedUDP, mineUnsettled, halfOpen, over, Fenced},
		{"forwarded udp", standing.judgeForwardedUDP, ask, none, goodLease, Parked},
		{"forwarded udp", standing.judgeForwardedUDP, ask, has, over, AcceptedKnown},
		{"forwarded udp", standing.judgeForwardedUDP, other, has, goodLease, NotMine},
		{"forwarded udp", standing.judgeForwardedUDP, otherUnsettled, has, over, AcceptedKnown},
		{"forwarded udp", standing.judgeForwardedUDP, otherUnsettled, none, goodLease, NotMine},
	} {
		if got := tt.judge(tt.bucket, tt.Facts, tt.Lease); got != tt.want {
			t.Errorf("%s, %+v, %+v, lease good %v: %s, want %s", tt.kind, tt.bucket, tt.Facts, tt.good(), got, tt.want)
		}
	}
	for _, tt := range []struct {
		bucket
		Lease
		udp, owner Reason
	}{
		{mine, goodLease, Accepted, Accepted},
		{mineUnsettled, goodLease, Accepted, Accepted},
		{mine, over, Fenced, Fenced},
		{ask, over, Parked, NotMine},
		{other, goodLease, NotMine, NotMine},
		{otherUnsettled, over, NotMine, NotMine},
	} {
		if got := tt.judgeUDP(tt.Lease); got != tt.udp {
			t.Errorf("udp, %+v, lease good %v: %s, want %s", tt.bucket, tt.good(), got, tt.udp)
		}
		if got := tt.judgeOwner(tt.Lease); got != tt.owner {
			t.Errorf("echo, %+v, lease good %v: %s, want %s", tt.bucket, tt.good(), got, tt.owner)
		}
	}
}

// TestWhatOpensIsLate: only what would open a flow can come too late for it.
func TestWhatOpensIsLate(t *testing.T) {
	table := testTable(t, true)
	old := Facts{Flow: FlowKnown, Stamped: true}
	lease := Lease{Now: int64(time.Second), Deadline: math.MaxInt64}
	ack := newFrame(vipA, &layers.TCP{SrcPort: 40000, DstPort: 80, ACK: true})
	synACK := newFrame(vipA, &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, ACK: true})
	ecn := newFrame(vipA, &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, ECE: true, CWR: true})
	for _, tt := range []struct {
		name  string
		frame *frame
		want  Reason
	}{
		{"syn", tcpFrame(40000, 80), Late}, {"syn with ECN", ecn, Late}, {"udp", udpFrame(40000, 53), Late},
		{"ack", ack, Accepted}, {"syn and ack", synACK, Accepted}, {"echo", icmpFrame(8), AcceptedEcho},
		{"no rule", tcpFrame(40000, 81), NoRule},
	} {
		if got := table.Judge(tt.frame.bytes(t), old, lease); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestWhatCameBeforeAGain: a packet that waited to be read while its bucket changed hands
// may have been answered by who had the bucket when it came.
func TestWhatCameBeforeAGain(t *testing.T) {
	const unit, gained, soon = 1 << factsUnit, int64(100 * time.Hour), int64(time.Millisecond)
	came := func(at int64) Facts { return Facts{Flow: FlowListen, Stamped: true, Time: uint32(at >> factsUnit)} }
	waited := came(gained - soon)
	waited.Waited = true
	everything := Part{}
	for b := range Buckets {
		everything.Mine.Set(uint16(b))
		everything.Gained.Set(uint16(b))
	}
	asked := Part{Ask: everything.Mine, Gained: everything.Gained}
	others := Part{Mine: everything.Mine}
	rules := testTable(t, true).Rules
	for _, tt := range []struct {
		name  string
		part  Part
		facts Facts
		now   int64
		want  Reason
	}{
		{"before, let in", everything, came(gained - soon), gained + soon, Late},
		{"before, parked", asked, came(gained - soon), gained + soon, Late},
		{"at the same time", everything, came(gained), gained + soon, Late},
		{"after", everything, came(gained + unit), gained + soon, Accepted},
		{"after, parked", asked, came(gained + unit), gained + soon, Parked},
		{"before, and parked since", everything, waited, gained + soon, Accepted},
		{"before, in a bucket of before", others, came(gained - soon), gained + soon, Accepted},
		{"nobody knows", everything, Facts{Flow: FlowListen}, gained + soon, Accepted},
		{"much later, when stamps have come round", everything, came(gained + 1<<31*unit + soon), gained + 1<<31*unit + soon, Accepted},
	} {
		table := NewTable(rules, &Share{Rules: []*Part{&tt.part, &tt.part, &tt.part}, Echo: &tt.part, GainedAt: gained})
		lease := Lease{Now: tt.now, Deadline: math.MaxInt64}
		for name, f := range map[string]*frame{"syn": tcpFrame(40000, 80), "udp": udpFrame(40000, 53)} {
			if got := table.Judge(f.bytes(t), tt.facts, lease); got != tt.want {
				t.Errorf("%s, %s: %s, want %s", tt.name, name, got, tt.want)
			}
		}
		ack := newFrame(vipA, &layers.TCP{SrcPort: 40000, DstPort: 80, ACK: true})
		if got := table.Judge(ack.bytes(t), tt.facts, lease); got == Late {
			t.Errorf("%s: a packet that opens nothing is %s", tt.name, got)
		}
	}
}
