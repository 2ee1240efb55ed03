package farm

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
)

// minorityOf3 is what the side of one node of a farm of three is told.
const minorityOf3 = "1 of 3 nodes is here, a majority is 2"

func TestFence(t *testing.T) {
	t.Parallel()
	e := quietEvents()
	var f fence
	start := time.Now()
	for _, step := range []struct {
		at         time.Duration
		up, leased bool
		minority   string
		why        string
	}{
		{0, false, false, minorityOf3, ""},     // it has said already that it is not up
		{1 * time.Second, true, false, "", ""}, // who comes up has no lease at once
		{2 * time.Second, true, true, "", ""},  //
		{3 * time.Second, true, false, "", ""}, // nor who stood still
		{5 * time.Second, true, false, "", ""}, //
		{6 * time.Second, true, false, "", reasonUnconfirmed},
		{7 * time.Second, true, false, minorityOf3, minorityOf3},
		{8 * time.Second, true, true, "", ""},
		{9 * time.Second, true, false, minorityOf3, minorityOf3}, // the policy's doing is sure at once
		{10 * time.Second, false, false, minorityOf3, ""},
	} {
		if f.look(start.Add(step.at), step.up, step.leased, step.minority, e); f.why != step.why {
			t.Errorf("after %v: %q, want %q", step.at, f.why, step.why)
		}
	}
	var got []string
	for _, one := range e.ring.Since(0) {
		got = append(got, one.Level+" "+one.Kind)
	}
	want := []string{"warn fenced", "warn fenced", "info unfenced", "warn fenced"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMinority(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy    config.Partition
		here, all int
		want      string
	}{
		{config.Serve, 1, 3, ""},
		{config.Majority, 0, 3, ""},
		{config.Majority, 1, 3, minorityOf3},
		{config.Majority, 2, 3, ""},
		{config.Majority, 2, 4, "2 of 4 nodes are here, a majority is 3"},
		{config.Majority, 1, 1, ""},
	} {
		if got := minority(tt.policy, cluster.View{Nodes: make([]cluster.Node, tt.here)}, tt.all); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.here, tt.all, got, tt.want)
		}
	}
}

// Nobody is said to serve the clients of a side that lets nothing in, or those of a
// node that has no lease; the others of its view serve theirs.
func TestWhoIsFencedServesNobody(t *testing.T) {
	t.Parallel()
	alone, two := viewOf([]uint8{100}), viewOf([]uint8{100}, []uint8{100})
	for _, tt := range []struct {
		name   string
		view   cluster.View
		policy config.Partition
		why    string
		nobody []string
	}{
		{"a minority", alone, config.Majority, "", []string{"web1"}},
		{"alone", alone, config.Serve, "", nil},
		{"a majority", two, config.Majority, "", nil},
		{"without a lease", two, config.Serve, reasonUnconfirmed, []string{"web1"}},
	} {
		l := answering(t, tt.view, dnsRule)
		l.fence = fence{why: tt.why, minority: minority(tt.policy, tt.view, 3)}
		shares := l.servedShares()
		for _, node := range tt.view.Names() {
			if none := shares[node] == nil; none != slices.Contains(tt.nobody, node) {
				t.Errorf("%s: %s has the shares %v", tt.name, node, shares[node])
			}
		}
		for bucket := range uint16(64) {
			want := l.division.Owner(0, bucket)
			if slices.Contains(tt.nobody, want) {
				want = ""
			}
			if got := l.server(0, bucket); got != want {
				t.Errorf("%s: %q serves bucket %d, want %q", tt.name, got, bucket, want)
			}
		}
	}
}

func TestEventOfAMinority(t *testing.T) {
	t.Parallel()
	e := quietEvents()
	e.view(viewOf([]uint8{100}), minorityOf3)
	e.view(viewOf([]uint8{100}), "")
	got := e.ring.Since(0)
	if got[0].Message != minorityOf3+": web1" || got[1].Message != "web1 has the farm alone" {
		t.Errorf("%+v", got)
	}
}

func TestStatusLineOfAFencedNode(t *testing.T) {
	t.Parallel()
	got := statusLine(standing{node: "web1", state: console.Up, fenced: minorityOf3, up: 1, nodes: 3})
	if want := "web1 is up, 1 of 3 nodes up: lets nothing new in: " + minorityOf3; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
