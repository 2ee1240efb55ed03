package wire

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world is nodes on one segment, of which some miss some probes.
type world struct {
	now     time.Time
	watches []*Watch
	ids     []ID
	sends   func(node int) []uint8
	reaches func(from, to int, vip uint8) bool
	reports func(from, to int) bool
	random  *rand.Rand // of the order in a second; nil: by number
}

func newWorld(nodes, vips int) *world {
	w := &world{
		now:     time.Unix(1_000_000, 0),
		sends:   func(int) []uint8 { return nil },
		reaches: func(int, int, uint8) bool { return true },
		reports: func(int, int) bool { return true },
	}
	for i := range nodes {
		id := ID(100 + i)
		w.ids = append(w.ids, id)
		w.watches = append(w.watches, NewWatch(Report{From: id, Name: fmt.Sprintf("web%d", i+1), Digest: 7}, vips))
	}
	return w
}

// second lets each node tick once.
func (w *world) second() {
	order := make([]int, len(w.watches))
	for i := range order {
		order[i] = i
	}
	if w.random != nil {
		w.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	for _, i := range order {
		probes, report := w.watches[i].Tick(w.now, w.sends(i))
		for j, other := range w.watches {
			if j == i {
				continue
			}
			for _, p := range probes {
				if w.reaches(i, j, p.VIP) {
					other.Seen(p.VIP, Probe{From: w.ids[i], Seq: p.Seq})
				}
			}
			if w.reports(i, j) {
				other.Heard(w.now, report)
			}
		}
	}
	w.now = w.now.Add(Interval)
}

func (w *world) seconds(n int) {
	for range n {
		w.second()
	}
}

// firstTwo send probes for VIP 0.
func firstTwo(node int) []uint8 {
	if node < 2 {
		return []uint8{0}
	}
	return nil
}

func TestWatch(t *testing.T) {
	for name, tc := range map[string]struct {
		nodes   int
		reaches func(from, to int, vip uint8) bool
		want    []Problem
	}{
		"all well":            {3, func(int, int, uint8) bool { return true }, nil},
		"one port keeps back": {3, func(_, to int, _ uint8) bool { return to != 2 }, []Problem{{Node: "web3"}}},
		"a sender's port":     {3, func(_, to int, _ uint8) bool { return to != 0 }, []Problem{{Node: "web1"}}},
		"of two nodes one":    {2, func(_, to int, _ uint8) bool { return to != 1 }, []Problem{{Node: "web2"}}},
		"learnt behind one":   {4, func(_, to int, _ uint8) bool { return to == 3 }, []Problem{{Node: "web1"}, {Node: "web2"}, {Node: "web3"}}},
		"nobody":              {3, func(int, int, uint8) bool { return false }, []Problem{{}}},
		"nobody of two":       {2, func(int, int, uint8) bool { return false }, []Problem{{}}},
		"one sender's do not come": {3, func(from, _ int, _ uint8) bool { return from != 0 },
			// web2 has no other sender than web1.
			[]Problem{{Node: "web2"}, {Node: "web3", From: []string{"web1"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				w := newWorld(tc.nodes, 1)
				w.random = rand.New(rand.NewPCG(seed, 1))
				w.sends = firstTwo
				w.seconds(5)
				for i, watch := range w.watches {
					if got := watch.Problems(); len(got) > 0 {
						t.Fatalf("seed %d: node %d: %v too early", seed, i, got)
					}
				}
				w.reaches = tc.reaches
				w.seconds(5) // the watchdog's limit
				for i, watch := range w.watches {
					if diff := cmp.Diff(tc.want, watch.Problems()); diff != "" {
						t.Fatalf("seed %d: node %d (-want +got):\n%s", seed, i, diff)
					}
				}
				w.reaches = func(int, int, uint8) bool { return true }
				w.seconds(3)
				for i, watch := range w.watches {
					if got := watch.Problems(); len(got) > 0 {
						t.Fatalf("seed %d: node %d: %v after the end", seed, i, got)
					}
				}
			}
		})
	}
}

// A netcheck beside a daemon is of the same node, also under another name, and sends
// and looks for probes like any: those of its own machine reach neither of the two.
func TestWatchOfOneMachine(t *testing.T) {
	w := newWorld(3, 1)
	own := netip.MustParseAddr("192.0.2.11")
	machine := func(node int) int { return node % 3 }
	for i, name := range []string{"web1", "renamed", "web3"} {
		at := Report{From: ID(200 + i), Name: name, Digest: 7}
		if machine(i) == 1 {
			at.Address = own
		}
		w.ids, w.watches = append(w.ids, at.From), append(w.watches, NewWatch(at, 1))
	}
	w.watches[1] = NewWatch(Report{From: w.ids[1], Name: "web2", Digest: 7, Address: own}, 1)
	w.sends = func(int) []uint8 { return []uint8{0} }
	w.reaches = func(from, to int, _ uint8) bool { return machine(from) != machine(to) }
	w.reports = func(from, to int) bool { return machine(from) != machine(to) }
	w.seconds(10)
	for i, watch := range w.watches {
		if got := watch.Problems(); len(got) > 0 {
			t.Errorf("process %d: %v", i, got)
		}
	}
}

// A node that stops for a while, whose reports are lost, that starts, that goes, or
// that begins to send probes, is not blind.
func TestWatchIsNotFooled(t *testing.T) {
	w := newWorld(3, 1)
	w.random = rand.New(rand.NewPCG(1, 2))
	w.sends = firstTwo
	check := func(what string) {
		t.Helper()
		for i, watch := range w.watches {
			if got := watch.Problems(); len(got) > 0 {
				t.Fatalf("%s: node %d: %v", what, i, got)
			}
		}
	}
	w.seconds(10)
	w.reports = func(from, _ int) bool { return from != 2 }
	for range 10 {
		w.second()
		check("reports lost")
	}
	w.reports = func(int, int) bool { return true }
	for range 3 {
		w.second()
		check("reports back")
	}
	w.sends = func(node int) []uint8 { return firstTwo(2 - node) }
	for range 10 {
		w.second()
		check("other senders")
	}
	w.ids = append(w.ids, 900)
	w.watches = append(w.watches, NewWatch(Report{From: 900, Name: "web4", Digest: 7}, 1))
	for range 10 {
		w.second()
		check("a new node")
	}
	w.watches[1] = NewWatch(Report{From: 901, Name: "web2", Digest: 7}, 1)
	w.ids[1] = 901
	for range 10 {
		w.second()
		check("a node began anew")
	}
}

// With more VIPs than a report has room for, each has its turn.
func TestWatchOfManyVIPs(t *testing.T) {
	const vips = 64
	w := newWorld(3, vips)
	w.sends = func(node int) (all []uint8) {
		for i := range vips {
			if node < 2 {
				all = append(all, uint8(i))
			}
		}
		return all
	}
	w.seconds(10)
	if got := w.watches[0].Problems(); len(got) > 0 {
		t.Fatalf("%v too early", got)
	}
	w.reaches = func(_, to int, vip uint8) bool { return to != 2 || vip != 63 }
	w.seconds(8)
	for i, watch := range w.watches {
		if diff := cmp.Diff([]Problem{{VIP: 63, Node: "web3"}}, watch.Problems()); diff != "" {
			t.Errorf("node %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestWatchOfAnotherFarm(t *testing.T) {
	w := NewWatch(Report{From: 1, Name: "web1", Digest: 7}, 1)
	now := time.Unix(1, 0)
	for seq := range uint32(10) {
		w.Heard(now, Report{From: 2, Name: "other", Digest: 8, Sent: []Sent{{0, seq}}})
		w.Seen(9, Probe{From: 2, Seq: seq}) // no such VIP
		w.Tick(now, []uint8{0})
	}
	if got := w.Problems(); len(got) > 0 {
		t.Errorf("%v", got)
	}
}
