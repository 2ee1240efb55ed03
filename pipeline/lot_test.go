package pipeline

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// lotWith is a lot whose packets get the reason that a test sets.
func lotWith(packets int) (l *Lot, reason *Reason) {
	l, reason = NewLot(packets), new(Reason)
	*reason = Parked
	l.judge = func(*Table, []byte, Facts, Lease) Reason { return *reason }
	return l, reason
}

// drain takes everything that the lot releases.
func drain(l *Lot, t *Table, now int64) (packets [][]byte) {
	dst := make([]byte, LotPacketLen)
	for n := l.Release(t, Lease{Now: now, Deadline: math.MaxInt64}, dst); n > 0; n = l.Release(t, Lease{Now: now, Deadline: math.MaxInt64}, dst) {
		packets = append(packets, bytes.Clone(dst[:n]))
	}
	return packets
}

func left(l *Lot) (sum [ReasonLen]uint64) {
	l.AddTo(&sum)
	return sum
}

func TestParkedPacketMeetsNewTable(t *testing.T) {
	const limit = int64(LotAge)
	for _, tt := range []struct {
		name     string
		verdict  Reason
		age      int64
		stays    bool
		released bool
		last     Reason // of a packet that leaves
	}{
		{name: "still to come", verdict: Parked, age: limit, stays: true},
		{name: "confirmed", verdict: Accepted, age: limit, released: true, last: Accepted},
		{name: "known by now", verdict: AcceptedKnown, released: true, last: AcceptedKnown},
		{name: "taken away again", verdict: NotMine, last: NotMine},
		{name: "node serves nothing", verdict: NotServing, last: NotServing},
		{name: "confirmed, its lease yet to come", verdict: Fenced, age: limit, stays: true},
		{name: "answered elsewhere", verdict: HalfOpenElsewhere, last: HalfOpenElsewhere},
		{name: "no vip any more", verdict: Other, last: Other},
		{name: "confirmed too late", verdict: Accepted, age: limit + 1, last: Late},
		{name: "still to come, too old", verdict: Parked, age: limit + 1, last: Late},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, reason := lotWith(4)
			syn := tcpFrame(40000, 80).bytes(t)
			const now = 1e12
			if got := l.Park(syn, Facts{}, now); got != Parked {
				t.Fatalf("parking gave %s", got)
			}
			*reason = tt.verdict
			l.Review()
			got := drain(l, nil, now+tt.age)
			if released := len(got) == 1 && bytes.Equal(got[0], syn); released != tt.released || len(got) > 1 {
				t.Errorf("released %x", got)
			}
			if stays := l.Len() == 1; stays != tt.stays {
				t.Errorf("%d packets stay", l.Len())
			}
			var want [ReasonLen]uint64
			stats := LotStats{Total: 1}
			switch {
			case tt.stays:
				stats.Now = 1
			case tt.released:
				stats.Released, want[tt.last] = 1, 1
			default:
				stats.Dropped, want[tt.last] = 1, 1
			}
			if got := left(l); got != want {
				t.Errorf("counted %v, want %v", got, want)
			}
			if got := l.Stats(); got != stats {
				t.Errorf("stats %+v, want %+v", got, stats)
			}
		})
	}
}

// TestParkedPacketIsJudgedByTheTable goes without the tests' verdicts.
func TestParkedPacketIsJudgedByTheTable(t *testing.T) {
	all, nothing := testTable(t, true), testTable(t, false)
	l := NewLot(4)
	syn := tcpFrame(40000, 80).bytes(t)
	l.Park(syn, Facts{}, 1)
	l.Review()
	if got := drain(l, all, 2); len(got) != 1 || !bytes.Equal(got[0], syn) {
		t.Errorf("got %x, want %x", got, syn)
	}
	l.Park(syn, Facts{}, 1)
	l.Review()
	if got := drain(l, nothing, 2); len(got) != 0 || left(l)[NotMine] != 1 {
		t.Errorf("got %x, left by %v", got, left(l))
	}
}

func TestNothingIsReleasedWithoutReview(t *testing.T) {
	l, reason := lotWith(4)
	*reason = Accepted
	l.Park(tcpFrame(40000, 80).bytes(t), Facts{}, 1)
	if got := drain(l, nil, 2); got != nil {
		t.Errorf("released %x", got)
	}
	l.Review()
	if got := drain(l, nil, 2); len(got) != 1 {
		t.Errorf("released %x", got)
	}
}

// TestAgeGoesOnOverReviews: a change of the table is no new life.
func TestAgeGoesOnOverReviews(t *testing.T) {
	l, reason := lotWith(4)
	l.Park(tcpFrame(40000, 80).bytes(t), Facts{}, 0)
	for now := time.Duration(0); now <= LotAge; now += 10 * time.Millisecond {
		l.Review()
		drain(l, nil, int64(now))
	}
	if l.Len() != 1 {
		t.Fatal("dropped within its time")
	}
	*reason = Accepted
	l.Review()
	if got := drain(l, nil, int64(LotAge)+1); got != nil || l.Len() != 0 {
		t.Errorf("released %x, %d stay", got, l.Len())
	}
}

func TestRetransmissionIsNotParkedTwice(t *testing.T) {
	first := tcpFrame(40000, 80).bytes(t)
	options := []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	for _, tt := range []struct {
		name   string
		second *frame
		kept   int
	}{
		{"the same", tcpFrame(40000, 80), 1},
		{"another IP id", tcpFrame(40000, 80).change(func(f *frame) { f.ip.Id++ }), 1},
		{"another sequence number", newFrame(vipA, &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, Seq: 7}), 1},
		{"IP options", tcpFrame(40000, 80).change(func(f *frame) { f.ip.Options = options }), 1},
		{"another source port", tcpFrame(40001, 80), 2},
		{"another destination port", tcpFrame(40000, 8000), 2},
		{"another client", tcpFrame(40000, 80).change(func(f *frame) { f.ip.SrcIP[3]++ }), 2},
		{"another vip", newFrame(vipB, &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true}), 2},
		{"udp", udpFrame(40000, 80), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, reason := lotWith(4)
			second := tt.second.bytes(t)
			if a, b := l.Park(first, Facts{}, 1), l.Park(second, Facts{}, 1); a != Parked || b != Parked {
				t.Errorf("reasons %s and %s", a, b)
			}
			*reason = Accepted
			l.Review()
			got := drain(l, nil, 1)
			if len(got) != tt.kept || !bytes.Equal(got[0], first) {
				t.Errorf("kept %d, want %d", len(got), tt.kept)
			}
			if n := l.Stats().Total; n != uint64(tt.kept) {
				t.Errorf("%d counted, want %d", n, tt.kept)
			}
			if l.Park(second, Facts{}, 2); l.Len() != 1 {
				t.Error("not parked after the first has left")
			}
		})
	}
}

// TestDatagramsOfOneFlowAreAllParked: each says something of its own.
func TestDatagramsOfOneFlowAreAllParked(t *testing.T) {
	l, reason := lotWith(4)
	for _, text := range []string{"one", "two", "three"} {
		l.Park(udpFrame(40000, 53).change(func(f *frame) { f.data = []byte(text) }).bytes(t), Facts{}, 1)
	}
	*reason = Accepted
	l.Review()
	got := drain(l, nil, 1)
	if len(got) != 3 || !bytes.Contains(got[0], []byte("one")) || !bytes.Contains(got[1], []byte("two")) || !bytes.Contains(got[2], []byte("three")) {
		t.Errorf("released %q", got)
	}
}

func TestLotHasBounds(t *testing.T) {
	l, reason := lotWith(2)
	sized := func(port uint16, n int) []byte {
		b := udpFrame(port, 53).bytes(t)
		return append(b, make([]byte, n-len(b))...)
	}
	for i, tt := range []struct {
		frame []byte
		want  Reason
	}{
		{sized(1, LotPacketLen+1), ParkFull},
		{sized(1, LotPacketLen), Parked},
		{sized(2, 60), Parked},
		{sized(3, 60), ParkFull},
	} {
		if got := l.Park(tt.frame, Facts{}, 1); got != tt.want {
			t.Errorf("packet %d: %s, want %s", i, got, tt.want)
		}
	}
	*reason = Accepted
	l.Review()
	if n := l.Release(nil, Lease{Now: 1}, make([]byte, LotPacketLen-1)); n != 0 || l.Len() != 2 {
		t.Errorf("released %d bytes into too small a frame", n)
	}
	if got := drain(l, nil, 1); len(got) != 2 || len(got[0]) != LotPacketLen {
		t.Errorf("released %d packets", len(got))
	}
}

// TestParkingCopies: the frame goes back to the kernel, which writes over it.
func TestParkingCopies(t *testing.T) {
	l, reason := lotWith(2)
	syn := tcpFrame(40000, 80).bytes(t)
	mine := bytes.Clone(syn)
	l.Park(mine, Facts{}, 1)
	clear(mine)
	*reason = Accepted
	l.Review()
	if got := drain(l, nil, 1); len(got) != 1 || !bytes.Equal(got[0], syn) {
		t.Errorf("released %x", got)
	}
}

func TestFactsStayWithTheirPacket(t *testing.T) {
	l := NewLot(8)
	got := make(map[string]Facts)
	l.judge = func(_ *Table, frame []byte, facts Facts, _ Lease) Reason {
		got[string(frame)] = facts
		return NotMine
	}
	want := make(map[string]Facts)
	for i := range uint32(8) {
		f := tcpFrame(uint16(1000+i), 80).bytes(t)
		want[string(f)] = Facts{Time: i}
		l.Park(f, want[string(f)], 1)
	}
	l.Review()
	drain(l, nil, 1)
	for f, facts := range want {
		if got[f] != facts {
			t.Errorf("judged with facts %+v, want %+v", got[f], facts)
		}
	}
}

func TestParkingAllocatesNothing(t *testing.T) {
	l, table := NewLot(LotSlots), testTable(t, true)
	var frames [][]byte
	for i := range 64 {
		frames = append(frames, tcpFrame(uint16(1000+i), 80).bytes(t), udpFrame(uint16(1000+i), 53).bytes(t))
	}
	dst := make([]byte, LotPacketLen)
	now := int64(1)
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			l.Park(f, Facts{}, now)
		}
		l.Review()
		for l.Release(table, Lease{Now: now, Deadline: now + 1}, dst) > 0 {
		}
		for _, f := range frames {
			l.Park(f, Facts{}, now)
		}
		now += int64(LotAge) + 1
		l.Release(table, Lease{Now: now}, dst)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if s := l.Stats(); s.Now != 0 || s.Released != s.Dropped || s.Released == 0 {
		t.Errorf("the run was not what it should be: %+v", s)
	}
}

// BenchmarkParkInFullLot is the cost of a packet in a flood.
func BenchmarkParkInFullLot(b *testing.B) {
	l := NewLot(LotSlots)
	for i := range LotSlots {
		l.Park(tcpFrame(uint16(1000+i), 80).bytes(b), Facts{}, 1)
	}
	f := tcpFrame(60000, 80).bytes(b)
	for b.Loop() {
		if l.Park(f, Facts{}, 1) != ParkFull {
			b.Fatal("there was room")
		}
	}
}

// BenchmarkEmptyLot is what parking costs a step in which nothing is parked.
func BenchmarkEmptyLot(b *testing.B) {
	l := NewLot(LotSlots)
	for b.Loop() {
		if l.Len() > 0 {
			b.Fatal("something is parked")
		}
	}
}
