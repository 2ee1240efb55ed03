package cluster

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/memberlist"
)

var (
	webFirst  = netip.MustParseAddrPort("192.0.2.12:7946")
	webSecond = netip.MustParseAddrPort("198.51.100.12:7946")
)

// web2 is a node on two networks.
func web2(alive bool) Member {
	return Member{Name: "web2", Address: webFirst, Alive: alive, Meta: Meta{Networks: []netip.AddrPort{webSecond}}}
}

// world is paths with a clock.
type world struct {
	*paths
	now time.Time
}

func newWorld() *world {
	w := &world{newPaths(2), time.Unix(1000, 0)}
	w.learn(web2(true), w.now)
	return w
}

// hears is so many packets, each so long after the one before.
func (w *world) hears(n int, every time.Duration, from netip.AddrPort) {
	for range n {
		w.now = w.now.Add(every)
		w.hear(from, w.now)
	}
}

func (w *world) check(t *testing.T, what string, want ...Cut) {
	t.Helper()
	if diff := cmp.Diff(want, w.cuts(), cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: cuts (-want +got):\n%s", what, diff)
	}
}

func TestCutNetworkIsSeen(t *testing.T) {
	cutFirst := Cut{"web2", 0, webFirst}
	w := newWorld()
	w.check(t, "at first")
	w.hears(100, time.Millisecond, webSecond)
	w.check(t, "many packets at once")
	w.now = w.now.Add(time.Minute)
	w.check(t, "silence of both")
	w.hears(1, 0, webSecond)
	w.check(t, "the next packet", cutFirst)
	w.hears(1, 0, webFirst)
	w.check(t, "heard again")
	w.hears(missedPackets-1, time.Second, webSecond)
	w.check(t, "few packets, slowly")
	w.hears(1, 0, webSecond)
	w.check(t, "one more", cutFirst)
	w.learn(web2(true), w.now)
	w.check(t, "an update", cutFirst)
	w.learn(web2(false), w.now)
	w.check(t, "dead")
	w.hears(100, time.Second, webSecond)
	w.check(t, "dead and heard")
	w.learn(web2(true), w.now)
	w.check(t, "alive again")
	w.hears(100, time.Second, webFirst)
	w.check(t, "the other network", Cut{"web2", 1, webSecond})
	w.forget("web2")
	w.check(t, "forgotten")
}

// Loss is no cut: each packet of a farm of three is lost once in five, for an hour.
func TestLossIsNoCut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld()
	wrong := 0
	for range 3600 * 10 {
		w.now = w.now.Add(100 * time.Millisecond)
		for _, from := range []netip.AddrPort{webFirst, webSecond} {
			if random.IntN(5) > 0 {
				w.hear(from, w.now)
			}
		}
		wrong += len(w.cuts())
	}
	if wrong > 0 {
		t.Errorf("a network was taken for cut in %d of 36,000 moments", wrong)
	}
}

func TestWaysToANode(t *testing.T) {
	first, second := target{0, webFirst.String()}, target{1, webSecond.String()}
	for _, tt := range []struct {
		name     string
		to       memberlist.Address
		cut      netip.AddrPort
		all      []target
		streamBy []target
	}{
		{"by name", memberlist.Address{Addr: webFirst.String(), Name: "web2"}, netip.AddrPort{}, []target{first, second}, []target{first, second}},
		{"by an address", memberlist.Address{Addr: webSecond.String()}, netip.AddrPort{}, []target{first, second}, []target{second, first}},
		{"first cut", memberlist.Address{Addr: webFirst.String(), Name: "web2"}, webFirst, []target{first, second}, []target{second, first}},
		{"second cut", memberlist.Address{Addr: webSecond.String()}, webSecond, []target{first, second}, []target{first, second}},
		{"another's name", memberlist.Address{Addr: webFirst.String(), Name: "web3"}, netip.AddrPort{}, nil, nil},
		{"another's address", memberlist.Address{Addr: "192.0.2.13:7946", Name: "web2"}, netip.AddrPort{}, nil, nil},
		{"another port", memberlist.Address{Addr: "192.0.2.12:7947"}, netip.AddrPort{}, nil, nil},
		{"no address", memberlist.Address{Addr: "web2:x"}, netip.AddrPort{}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			switch tt.cut {
			case webFirst:
				w.hears(10, time.Second, webSecond)
			case webSecond:
				w.hears(10, time.Second, webFirst)
			}
			for what, pair := range map[string][2][]target{
				"packets": {tt.all, w.to(tt.to)}, "streams": {tt.streamBy, w.best(tt.to)},
			} {
				if diff := cmp.Diff(pair[0], pair[1], cmp.AllowUnexported(target{})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// Networks that this node is not on are not for it, and of a node that cannot be
// understood any more it keeps what it knew.
func TestWaysFollowWhatANodeSays(t *testing.T) {
	w := &world{newPaths(1), time.Unix(1000, 0)}
	w.learn(web2(true), w.now)
	to := memberlist.Address{Addr: webFirst.String(), Name: "web2"}
	if got := w.to(to); len(got) != 1 {
		t.Errorf("on one network: %v", got)
	}
	w = newWorld()
	garbled := web2(true)
	garbled.Meta, garbled.Err = Meta{}, ErrMeta
	w.learn(garbled, w.now)
	if got := w.to(to); len(got) != 2 {
		t.Errorf("not understood: %v", got)
	}
	renamed := web2(true)
	renamed.Name = "web9"
	w.learn(renamed, w.now)
	w.learn(web2(false), w.now)
	if got := w.to(memberlist.Address{Addr: webFirst.String(), Name: "web9"}); len(got) != 2 {
		t.Errorf("with another name: %v", got)
	}
	w.forget("web9")
	moved := web2(true)
	moved.Meta.Networks[0] = netip.MustParseAddrPort("198.51.100.99:7946")
	w.learn(moved, w.now)
	if got := w.to(memberlist.Address{Addr: webSecond.String()}); got != nil {
		t.Errorf("its old address: %v", got)
	}
}
