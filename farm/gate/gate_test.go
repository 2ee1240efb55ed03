package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster/confirm"
	"thresher/cluster/confirm/handover"
	"thresher/config"
	"thresher/farm/division"
	"thresher/pipeline"
)

// recorder is a packet path that writes down what it is told, in order.
type recorder struct {
	id     confirm.RuleID
	did    []string
	share  *pipeline.Share
	before pipeline.Part
	stuck  bool // the queues do not come to rest
}

func (r *recorder) Apply(s *pipeline.Share, taken func()) error {
	r.share = s
	now := *s.Rules[0]
	r.did = append(r.did, "share")
	for i := range now.Mine {
		if r.before.Mine[i]&^now.Mine[i] != 0 {
			taken()
			r.did = append(r.did, "rest")
			break
		}
	}
	r.before = now
	return nil
}

func (r *recorder) Lease(deadline int64) error {
	r.did = append(r.did, fmt.Sprint("lease ", deadline))
	return nil
}

func (r *recorder) Flush(context.Context) error {
	r.did = append(r.did, "flush")
	if r.stuck {
		return errors.New("a queue is stuck")
	}
	return nil
}

// gateTest is a gate of one rule. Its buckets are few: 0 to 9.
type gateTest struct {
	*testing.T
	*Gate
	path *recorder
	last confirm.Lease
	now  confirm.Time
}

func newGateTest(t *testing.T) *gateTest {
	ids := division.RuleIDs([]config.Rule{{Name: "web"}})
	r := &recorder{id: ids[0]}
	g := &gateTest{T: t, path: r, now: 1000}
	g.Gate = New(r, ids, func() confirm.Time { return g.now }, slog.New(slog.DiscardHandler))
	return g
}

func (g *gateTest) buckets(numbers ...int) confirm.Buckets {
	bits := confirm.NewBitmap(pipeline.Buckets)
	for _, n := range numbers {
		bits.Set(n)
	}
	return confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{g.path.id: bits})
}

// lets is a lease for buckets, out of those that are headed for, as confirm tells it.
func (g *gateTest) lets(deadline confirm.Time, confirmed, target confirm.Buckets, s Surroundings) []string {
	g.Helper()
	l := confirm.Lease{Deadline: deadline, Confirmed: confirmed, Held: confirmed, Target: target}
	l.Moved = !l.Confirmed.Equal(g.last.Confirmed) || !l.Target.Equal(g.last.Target)
	l.Shrunk = !g.last.Confirmed.Minus(l.Confirmed).Empty()
	g.last, g.path.did = l, nil
	if err := g.Enforce(g.now, l, s, func() { g.path.did = append(g.path.did, "notice") }); err != nil {
		g.Fatal(err)
	}
	return g.path.did
}

func (g *gateTest) want(what string, did []string, want ...string) {
	g.Helper()
	if diff := cmp.Diff(want, did); diff != "" {
		g.Errorf("%s (-want +did):\n%s", what, diff)
	}
}

// asked and mine are the buckets of the rule on ask, and those let in.
func (g *gateTest) asked(numbers ...int) { g.same("on ask", g.path.share.Rules[0].Ask, numbers) }
func (g *gateTest) mine(numbers ...int)  { g.same("let in", g.path.share.Rules[0].Mine, numbers) }

func (g *gateTest) same(what string, got pipeline.Bits, numbers []int) {
	g.Helper()
	if want := BitsOf(g.buckets(numbers...).Of(g.path.id)); got != want {
		var have []int
		for b := range 10 {
			if got.Has(uint16(b)) {
				have = append(have, b)
			}
		}
		g.Errorf("%s: %v, want %v", what, have, numbers)
	}
}

// A gain: the deadline first, so that what is parked finds it. A renewal: the
// deadline alone. A loss: the share, the notice, the rest of packets and queues,
// and only then anything else.
func TestGateKeepsItsOrder(t *testing.T) {
	g := newGateTest(t)
	done := Surroundings{HandedOver: true}
	g.want("gain", g.lets(2000, g.buckets(1, 2, 3), g.buckets(1, 2, 3), done), "lease 2000", "share")
	g.want("renewal", g.lets(2100, g.buckets(1, 2, 3), g.buckets(1, 2, 3), done), "lease 2100")
	g.want("loss", g.lets(2200, g.buckets(1), g.buckets(1), done), "share", "notice", "rest", "flush", "lease 2200")
	g.want("fenced", g.lets(0, g.buckets(1), g.buckets(1), done), "lease 0")
	g.mine(1)
}

// Queues that do not come to rest may still let in what was taken away: then
// nothing is let in at all until they do.
func TestGateLetsNothingInBeforeTheQueuesRest(t *testing.T) {
	g := newGateTest(t)
	done := Surroundings{HandedOver: true}
	g.lets(2000, g.buckets(1, 2), g.buckets(1, 2), done)
	g.path.stuck = true
	g.want("loss", g.lets(2100, g.buckets(1), g.buckets(1), done), "share", "notice", "rest", "flush", "lease 0")
	g.want("renewal", g.lets(2200, g.buckets(1), g.buckets(1), done), "flush", "lease 0")
	if g.lease.Deadline != 0 || g.granted != 2200 {
		t.Errorf("status and health page go by a lease until %d of %d granted, and nothing is let in", g.lease.Deadline, g.granted)
	}
	g.want("gain", g.lets(2300, g.buckets(1, 3), g.buckets(1, 3), done), "share", "flush", "lease 0")
	g.path.stuck = false
	g.want("renewal", g.lets(2400, g.buckets(1, 3), g.buckets(1, 3), done), "flush", "lease 2400")
	if g.lease.Deadline != 2400 {
		t.Errorf("a lease until 2400 is in force, status and health page go by %d", g.lease.Deadline)
	}
}

// What another node may be letting in is not parked, what it has given notice of
// is; and a bucket whose half-open handshakes have not come stays on ask.
func TestGateParks(t *testing.T) {
	g := newGateTest(t)
	others := func(hold, expect confirm.Buckets, handedOver bool) Surroundings {
		return Surroundings{Others: Others{Hold: hold, Expect: expect}, HandedOver: handedOver}
	}
	none := confirm.Buckets{}
	g.lets(0, none, g.buckets(1, 2), others(g.buckets(1, 2, 3), none, false))
	g.asked()
	g.lets(0, none, g.buckets(1, 2), others(g.buckets(2, 3), none, false))
	g.asked(1)
	if err := g.Review(g.now, others(g.buckets(2), g.buckets(1, 2, 3), false)); err != nil {
		t.Fatal(err)
	}
	g.asked(1, 3)
	g.lets(2000, g.buckets(1), g.buckets(1, 2), others(g.buckets(2), none, false))
	g.asked(1) // withheld
	g.mine()
	if err := g.Review(g.now, others(g.buckets(2), none, true)); err != nil {
		t.Fatal(err)
	}
	g.asked()
	g.mine(1)
	g.lets(2000, g.buckets(1, 2), g.buckets(1, 2), others(none, none, false))
	g.mine(1)
	g.asked(2)
	if err := g.Review(g.now.Add(handover.ParkLimit-time.Millisecond), others(none, none, false)); err != nil {
		t.Fatal(err)
	}
	g.mine(1)
	if err := g.Review(g.now.Add(handover.ParkLimit), others(none, none, false)); err != nil {
		t.Fatal(err)
	}
	g.mine(1, 2)
}

// What is released is kept, by the very share that takes it away, and until that is
// over. Ending it takes nothing away.
func TestGateKeepsForOthers(t *testing.T) {
	g := newGateTest(t)
	done := Surroundings{HandedOver: true}
	g.lets(2000, g.buckets(1, 2, 3), g.buckets(1, 2, 3), done)
	kept := Surroundings{HandedOver: true, Released: Released{5, g.buckets(2, 3)}}
	g.want("loss", g.lets(2100, g.buckets(1), g.buckets(1), kept), "share", "notice", "rest", "flush", "lease 2100")
	g.mine(1)
	g.asked()
	g.same("kept", g.path.share.Rules[0].Released, []int{2, 3})
	if g.path.share.Release != 5 {
		t.Errorf("release %d, want 5", g.path.share.Release)
	}
	g.want("renewal", g.lets(2200, g.buckets(1), g.buckets(1), kept), "lease 2200")
	g.path.did = nil
	if err := g.Review(g.now, done); err != nil {
		t.Fatal(err)
	}
	g.want("end", g.path.did, "share")
	g.same("kept", g.path.share.Rules[0].Released, nil)
	if g.path.share.Release != 0 {
		t.Errorf("release %d, want none", g.path.share.Release)
	}
}

// Before a node says that it has heard of a release, it parks.
func TestGateParksBeforeItAnswers(t *testing.T) {
	g := newGateTest(t)
	around := Surroundings{Others: Others{Hold: g.buckets(1, 2)}, HandedOver: true}
	g.lets(0, confirm.Buckets{}, g.buckets(1, 2), around)
	g.asked()
	g.path.did = nil
	if err := g.Expect(Others{Hold: g.buckets(2)}); err != nil {
		t.Fatal(err)
	}
	g.want("release of 1", g.path.did, "share")
	g.asked(1)
	if err := g.Expect(Others{Hold: g.buckets(2, 3)}); err != nil {
		t.Fatal(err)
	}
	g.want("nothing of this node's", g.path.did, "share")
}
