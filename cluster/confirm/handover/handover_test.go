package handover

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/cluster/confirm"
)

const start = confirm.Time(1_000_000_000)

func tuple(i int) Tuple {
	return Tuple{
		Client: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000),
		Server: netip.MustParseAddrPort("192.0.2.100:80"),
	}
}

func tuples(from, to int) []Tuple {
	var list []Tuple
	for i := from; i < to; i++ {
		list = append(list, tuple(i))
	}
	return list
}

// carry delivers all messages of l to o, by way of the wire, and the echoes back.
func carry(t *testing.T, now confirm.Time, l *List, to string, o *Others) {
	t.Helper()
	m := l.Messages(now)[to]
	if m == nil {
		return
	}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got, cmpopts.EquateComparable(Tuple{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-sent +received):\n%s", diff)
	}
	l.Echo(to, o.Receive(now, got))
}

func TestListReachesTheNewOwner(t *testing.T) {
	l, o := NewList("a", 1, start), NewOthers()
	l.Members(map[string]uint64{"a": 1, "b": 1})
	if o.Complete("a", 1, 1) {
		t.Error("complete before anything came")
	}
	l.Add(start, 1, tuples(0, 10))
	carry(t, start, l, "b", o)
	if !o.Complete("a", 1, 1) || o.Complete("a", 1, 2) || o.Len() != 10 || !o.Has(tuple(3)) || o.Has(tuple(10)) {
		t.Errorf("after the list came: complete %v, %d tuples", o.Complete("a", 1, 1), o.Len())
	}
	l.Done(tuple(3))
	carry(t, start, l, "b", o)
	if o.Has(tuple(3)) || o.Len() != 9 {
		t.Error("a handshake that is done is still left alone")
	}
	if m := l.Messages(start.Add(time.Hour)); len(m) != 0 {
		t.Errorf("%d messages though all is echoed", len(m))
	}
}

// An empty release is told too: the new owner waits for it.
func TestEmptyReleaseCompletes(t *testing.T) {
	l, o := NewList("a", 1, start), NewOthers()
	l.Members(map[string]uint64{"b": 1})
	l.Add(start, 1, nil)
	carry(t, start, l, "b", o)
	if !o.Complete("a", 1, 1) {
		t.Error("not complete")
	}
}

func TestListIsRepeatedUntilEchoed(t *testing.T) {
	l := NewList("a", 1, start)
	l.Members(map[string]uint64{"b": 1})
	l.Add(start, 1, tuples(0, 2))
	for i, want := range []int{1, 0, 1, 0, 1} {
		now := start.Add(time.Duration(i) * 25 * time.Millisecond)
		if got := len(l.Messages(now)); got != want {
			t.Errorf("after %v: %d messages, want %d", now.Sub(start), got, want)
		}
	}
}

func TestListIsBounded(t *testing.T) {
	l := NewList("a", 1, start)
	if lost := l.Add(start, 1, tuples(0, MaxTuples+100)); lost != 100 || len(l.Open()) != MaxTuples {
		t.Errorf("%d lost, %d open; want 100 and %d", lost, len(l.Open()), MaxTuples)
	}
	l.Members(map[string]uint64{"silent": 1})
	for i := range 20 {
		l.Done(tuples(0, MaxTuples)...)
		l.Add(start, uint64(i), tuples(0, MaxTuples))
		l.Members(map[string]uint64{"silent": 1})
	}
	if len(l.order) > 2*MaxTuples {
		t.Errorf("history of %d steps for one that never echoes", len(l.order))
	}
	o := NewOthers()
	carry(t, start, l, "silent", o)
	if o.Len() != MaxTuples {
		t.Errorf("it got %d tuples in the end, want %d", o.Len(), MaxTuples)
	}
}

func TestEntriesEnd(t *testing.T) {
	tests := []struct {
		name string
		end  func(*Others)
		want int
	}{
		{"not yet", func(o *Others) { o.Expire(start.Add(Lifetime - 1)) }, 5},
		{"after 63 s", func(o *Others) { o.Expire(start.Add(Lifetime)) }, 0},
		{"holder crashed", func(o *Others) { o.Gone("a") }, 0},
		{"another crashed", func(o *Others) { o.Gone("c") }, 5},
		{"holder restarted", func(o *Others) { o.Booted("a", 8) }, 0},
		{"same process", func(o *Others) { o.Booted("a", 7) }, 5},
		{"list of a new process", func(o *Others) { o.Receive(start, &Message{Name: "a", Boot: 8}) }, 0},
		{"list of an old process", func(o *Others) { o.Receive(start, &Message{Name: "a", Boot: 6, Seq: 99, Whole: true}) }, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, o := NewList("a", 7, start), NewOthers()
			l.Members(map[string]uint64{"b": 1})
			l.Add(start, 1, tuples(0, 5))
			carry(t, start, l, "b", o)
			tt.end(o)
			if o.Len() != tt.want {
				t.Errorf("%d tuples, want %d", o.Len(), tt.want)
			}
		})
	}
}

func TestHolderEndsWhatLastsTooLong(t *testing.T) {
	l := NewList("a", 1, start)
	l.Add(start, 1, tuples(0, 3))
	l.Expire(start.Add(Lifetime))
	if n := len(l.Open()); n != 0 {
		t.Errorf("%d still open", n)
	}
}

// A new process of the receiver has forgotten all and gets it all.
func TestRestartedReceiverGetsTheWholeList(t *testing.T) {
	l, o := NewList("a", 1, start), NewOthers()
	l.Members(map[string]uint64{"b": 1})
	l.Add(start, 1, tuples(0, 5))
	carry(t, start, l, "b", o)
	l.Done(tuple(0))
	l.Members(map[string]uint64{"b": 2})
	o = NewOthers()
	carry(t, start, l, "b", o)
	if o.Len() != 4 || !o.Complete("a", 1, 1) {
		t.Errorf("%d tuples, complete %v; want 4, true", o.Len(), o.Complete("a", 1, 1))
	}
}

// A process that goes on with the boot of the one before it is told of nothing anew:
// it takes part where that one stopped.
func TestRestartInPlace(t *testing.T) {
	tests := []struct {
		name    string
		restart func(l *List, o *Others) (*List, *Others)
	}{
		{"receiver, with what it knew", func(l *List, o *Others) (*List, *Others) {
			next := NewOthers()
			for _, m := range o.HandOn() {
				next.Receive(start, m)
			}
			return l, next
		}},
		{"receiver, with nothing", func(l *List, _ *Others) (*List, *Others) { return l, NewOthers() }},
		{"holder, which lists again", func(l *List, o *Others) (*List, *Others) {
			next := NewList("a", 1, start.Add(time.Second))
			next.Members(map[string]uint64{"b": 1})
			next.Add(start, 1, l.Open())
			return next, o
		}},
		{"holder, with nothing", func(_ *List, o *Others) (*List, *Others) {
			next := NewList("a", 1, start.Add(time.Second))
			next.Members(map[string]uint64{"b": 1})
			if m := next.Messages(start); len(m) > 0 {
				t.Errorf("told before it lists anything: %+v", m)
			}
			return next, o
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, o := NewList("a", 1, start), NewOthers()
			l.Members(map[string]uint64{"b": 1})
			l.Add(start, 1, tuples(0, 5))
			carry(t, start, l, "b", o)
			l, o = tt.restart(l, o)
			l.Add(start, 2, tuples(5, 6))
			for i := range 2 {
				carry(t, start.Add(time.Duration(i)*repeat), l, "b", o)
			}
			if !o.Complete("a", 1, 2) || l.Pending() {
				t.Errorf("complete %v, pending %v", o.Complete("a", 1, 2), l.Pending())
			}
			for _, open := range l.Open() {
				if !o.Has(open) {
					t.Errorf("%v is not left alone", open)
				}
			}
		})
	}
}

// Whatever is lost, doubled and late, and however often either side is another process
// of the same boot: in the end every receiver knows what is open.
func TestListsConverge(t *testing.T) {
	for seed := range uint64(200) {
		w := &lossy{rng: rand.New(rand.NewPCG(seed, 1)), now: start, list: NewList("a", 1, start), others: NewOthers()}
		for range 100 {
			w.now = w.now.Add(20 * time.Millisecond)
			w.list.Members(map[string]uint64{"b": 1})
			w.move(seed%2 == 0)
			w.deliver()
		}
		w.list.Members(map[string]uint64{"b": 1})
		for range 2 { // the first may tell no more than from where on it lacks something
			w.now = w.now.Add(time.Second)
			carry(t, w.now, w.list, "b", w.others)
		}
		for i := range 60 {
			if _, want := w.list.open[tuple(i)]; w.others.Has(tuple(i)) != want {
				t.Fatalf("seed %d: tuple %d: %v, want %v", seed, i, !want, want)
			}
		}
		if !w.others.Complete("a", 1, w.release) || w.list.Pending() {
			t.Fatalf("seed %d: complete %v, pending %v", seed, w.others.Complete("a", 1, w.release), w.list.Pending())
		}
	}
}

// lossy is a list and its receiver, and between them all that was ever sent.
type lossy struct {
	rng     *rand.Rand
	now     confirm.Time
	list    *List
	others  *Others
	release uint64
	sent    []*Message
	echoes  []Echo
	handed  []*Message // what a process before this receiver has handed on
}

// move changes the list, or with restarts one of the processes.
func (w *lossy) move(restarts bool) {
	i := w.rng.IntN(50)
	switch what := w.rng.IntN(40); {
	case what == 0 && restarts: // the holder lists again what is open
		open := w.list.Open()
		w.list = NewList("a", 1, w.now)
		w.list.Members(map[string]uint64{"b": 1})
		w.list.Add(w.now, w.release, open)
	case what == 1 && restarts: // the receiver goes on with what it knew some time ago
		w.others = NewOthers()
		for _, m := range w.handed {
			w.others.Receive(w.now, m)
		}
	case what == 2:
		w.handed = w.others.HandOn()
	case what%2 == 0:
		w.release++
		w.list.Add(w.now, w.release, tuples(i, i+w.rng.IntN(5)))
	default:
		w.list.Done(tuples(i, i+5)...)
	}
}

// deliver sends what is to be sent, and lets something of all that was sent arrive.
func (w *lossy) deliver() {
	for _, m := range w.list.Messages(w.now) {
		w.sent = append(w.sent, m)
	}
	if len(w.sent) > 0 && w.rng.IntN(3) > 0 {
		w.echoes = append(w.echoes, w.others.Receive(w.now, w.sent[w.rng.IntN(len(w.sent))]))
	}
	if len(w.echoes) > 0 && w.rng.IntN(2) == 0 {
		w.list.Echo("b", w.echoes[w.rng.IntN(len(w.echoes))])
	}
}

// A bucket moves with handshakes in flight: every client repeats its SYN, and
// whoever answers it a second time with another sequence number resets it. With
// the list nobody does; without it, everybody.
func TestHandshakesInFlightSurviveAMove(t *testing.T) {
	for _, handOver := range []bool{true, false} {
		t.Run(fmt.Sprintf("hand-over %v", handOver), func(t *testing.T) {
			l, o := NewList("old", 1, start), NewOthers()
			l.Members(map[string]uint64{"new": 1})
			flight := tuples(0, 60)
			if handOver {
				l.Add(start, 1, flight)
				carry(t, start, l, "new", o)
			}
			resets := 0
			for _, syn := range flight {
				if !o.Has(syn) {
					resets++
				}
			}
			if want := map[bool]int{true: 0, false: 60}[handOver]; resets != want {
				t.Errorf("%d of 60 handshakes answered twice, want %d", resets, want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	l := NewList("a", 1, start)
	l.Members(map[string]uint64{"b": 1})
	l.Add(start, 1, append(tuples(0, 2), Tuple{netip.MustParseAddrPort("[2001:db8::1]:4"), netip.MustParseAddrPort("[2001:db8::2]:5")}))
	m := l.Messages(start)["b"]
	m.From, m.Whole = m.Seq-3, false
	good, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Fatalf("first %d of %d bytes decode", n, len(good))
		}
	}
	change := func(i int, v byte) []byte { b := bytes.Clone(good); b[i] = v; return b }
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"version": {change(0, 7), "version 7"}, "kind": {change(1, 2), "kind 2"},
		"too many": {change(36, 0xff), "at most"}, "numbers": {change(25, 9), "with 3 items"},
	} {
		if _, err := Decode(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something about %q", name, err, tt.want)
		}
	}
	if _, err := Decode(append(bytes.Clone(good), "later"...)); err != nil {
		t.Errorf("with later fields: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	m := &Message{Name: "a", Boot: 1, Seq: 2, Items: []Item{{Tuple: tuple(1)}, {true, tuple(1)}}}
	b, err := m.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.Append(nil)
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Fatalf("decoded %x, encoded %x, %v", b, again, err)
		}
		NewOthers().Receive(start, m)
	})
}
