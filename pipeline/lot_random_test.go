package pipeline

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// slowLot is what a Lot is to do, in the plainest form: one slice, searched from
// end to end. It reads flows with gopacket.
type slowLot struct {
	room    int
	packets []slowPacket
	cursor  int // len(packets) outside a review
	total   uint64
	left    [ReasonLen]uint64
}

type slowPacket struct {
	data  []byte
	facts Facts
	since int64
	flow  string // "" unless TCP
}

func slowFlow(frame []byte) string {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if tcp, ok := p.TransportLayer().(*layers.TCP); ok {
		return p.NetworkLayer().NetworkFlow().String() + " " + tcp.TransportFlow().String()
	}
	return ""
}

func (l *slowLot) park(frame []byte, facts Facts, now int64) Reason {
	p := slowPacket{bytes.Clone(frame), facts, now, slowFlow(frame)}
	same := func(q slowPacket) bool { return p.flow != "" && q.flow == p.flow }
	switch {
	case len(frame) > LotPacketLen:
		return ParkFull
	case slices.ContainsFunc(l.packets, same):
		return Parked
	case len(l.packets) == l.room:
		return ParkFull
	}
	reviewing := l.cursor < len(l.packets)
	l.packets = append(l.packets, p)
	if !reviewing {
		l.cursor = len(l.packets)
	}
	l.total++
	return Parked
}

func (l *slowLot) release(now int64, judge func([]byte, Facts) Reason) []byte {
	for i := 0; i < len(l.packets); {
		if now-l.packets[i].since <= int64(LotAge) {
			i++
			continue
		}
		l.packets = slices.Delete(l.packets, i, i+1)
		l.left[Late]++
		if l.cursor > i {
			l.cursor--
		}
	}
	for l.cursor < len(l.packets) {
		p := l.packets[l.cursor]
		reason := judge(p.data, p.facts)
		if reason.Verdict() == Hold || reason == Fenced {
			l.cursor++
			continue
		}
		l.packets = slices.Delete(l.packets, l.cursor, l.cursor+1)
		l.left[reason]++
		if reason.Verdict() == Accept {
			return p.data
		}
	}
	return nil
}

// TestLotAgainstSlowLot drives both through the same random life.
func TestLotAgainstSlowLot(t *testing.T) {
	frames := make([][]byte, 0, 60)
	for i := range 20 {
		long := udpFrame(uint16(3000+i), 53).change(func(f *frame) { f.data = make([]byte, 440+5*i) })
		frames = append(frames, tcpFrame(uint16(1000+i), 80).bytes(t), udpFrame(uint16(2000+i), 53).bytes(t), long.bytes(t))
	}
	verdicts := []Reason{Parked, Parked, Fenced, Accepted, AcceptedKnown, NotMine, UnknownFlow, Other}
	var sum [ReasonLen]uint64
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		salt := random.Uint64()
		judge := func(frame []byte, facts Facts) Reason {
			x := (uint64(frame[35])+uint64(frame[23])<<8+uint64(facts.Time))*0x9e3779b97f4a7c15 ^ salt
			return verdicts[x*0x9e3779b97f4a7c15>>61]
		}
		room := 1 + random.IntN(24)
		fast, slow := NewLot(room), &slowLot{room: room}
		fast.judge = func(_ *Table, frame []byte, facts Facts, _ Lease) Reason { return judge(frame, facts) }
		dst := make([]byte, LotPacketLen)
		now := int64(1e9)
		for step := range 2000 {
			switch random.IntN(8) {
			case 0:
				now += random.Int64N(int64(LotAge) / 4)
			case 1:
				salt = random.Uint64()
				fast.Review()
				slow.cursor = 0
			case 2, 3, 4:
				n := fast.Release(nil, Lease{Now: now}, dst)
				if want := slow.release(now, judge); !bytes.Equal(dst[:n], want) {
					t.Fatalf("seed %d, step %d: released\n%x, want\n%x", seed, step, dst[:n], want)
				}
			default:
				f, facts := frames[random.IntN(len(frames))], Facts{Time: random.Uint32()}
				if got, want := fast.Park(f, facts, now), slow.park(f, facts, now); got != want {
					t.Fatalf("seed %d, step %d: parking gave %s, want %s", seed, step, got, want)
				}
			}
			if got := fast.Stats(); got.Now != len(slow.packets) || got.Total != slow.total || left(fast) != slow.left {
				t.Fatalf("seed %d, step %d: %+v, left by %v; want %d of %d, left by %v",
					seed, step, got, left(fast), len(slow.packets), slow.total, slow.left)
			}
		}
		for r, n := range slow.left {
			sum[r] += n
		}
	}
	for _, r := range []Reason{Late, Accepted, AcceptedKnown, NotMine, UnknownFlow, Other} {
		if sum[r] < 500 {
			t.Errorf("%s occurred %d times only", r, sum[r])
		}
	}
}

// FuzzPark parks arbitrary frames: what is taken must come out as it went in.
func FuzzPark(f *testing.F) {
	f.Add(tcpFrame(40000, 80).bytes(f), tcpFrame(40000, 80).bytes(f))
	f.Add(udpFrame(40000, 53).bytes(f), tcpFrame(40000, 80).bytes(f)[:40])
	f.Add([]byte{1}, []byte{0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) == 0 || len(b) == 0 {
			return // no packet
		}
		l, reason := lotWith(2)
		x, y := l.Park(a, Facts{Time: 1}, 1), l.Park(b, Facts{Time: 2}, 1)
		*reason = Accepted
		l.Review()
		got := drain(l, nil, 1)
		var want [][]byte
		if x == Parked {
			want = append(want, a)
		}
		flow, isTCP := tcpFlow(a)
		other, otherTCP := tcpFlow(b)
		same := x == Parked && isTCP && otherTCP && flow == other
		if y == Parked && !same {
			want = append(want, b)
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("released %x, want %x", got, want)
		}
		if l.Len() != 0 {
			t.Errorf("%d packets stay", l.Len())
		}
	})
}
