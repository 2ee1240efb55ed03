package farm

import (
	"testing"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/pipeline"
)

// reachTest is a farm of web1, this node, and web2 and web3; view 10 gives web2 the
// buckets 0 to 9, view 20 gives it 10 to 19, and web3 has 20 to 29 by both.
type reachTest struct {
	*testing.T
	*reaches
	rule confirm.RuleID
	now  confirm.Time
}

func newReachTest(t *testing.T) *reachTest {
	r := &reachTest{T: t, rule: ruleID("rule web"), now: 1000}
	r.reaches = newReaches("web1", func(id confirm.ViewID, name string) confirm.Buckets {
		switch {
		case id == 0:
			return confirm.Buckets{}
		case name == "web3":
			return r.buckets(20, 30)
		case name == "web2":
			return r.buckets(int(id)-10, int(id))
		}
		return confirm.Buckets{}
	}, everything([]confirm.RuleID{r.rule}))
	return r
}

// buckets are those from one to another.
func (r *reachTest) buckets(from, to int) confirm.Buckets {
	bits := confirm.NewBitmap(pipeline.Buckets)
	for b := from; b < to; b++ {
		bits.Set(b)
	}
	return confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{r.rule: bits})
}

func (r *reachTest) hears(name string, boot, seq, release uint64, view confirm.ViewID) {
	r.now = r.now.Add(50 * time.Millisecond)
	r.beat(r.now, &confirm.Heartbeat{Name: name, Boot: boot, Seq: seq, Release: release, Stated: view, Target: view})
}

func (r *reachTest) told(name string, boot, seq, release uint64, view confirm.ViewID, flows confirm.Buckets) {
	r.reported(&settle.Report{Name: name, Boot: boot, Seq: seq, Release: release, View: view, Rules: []confirm.RuleID{r.rule}, Flows: flows})
}

// want holds that so many buckets may have flows elsewhere than at their owner's.
func (r *reachTest) want(view confirm.ViewID, n int, why string) {
	r.Helper()
	if got := r.abroad(view).Len(); got != n {
		r.Errorf("%s: %d buckets may have flows abroad, want %d", why, got, n)
	}
}

func TestReachFollowsViewsAndReports(t *testing.T) {
	r := newReachTest(t)
	r.want(10, 0, "nobody is there")
	r.hears("web2", 1, 1, 0, 10)
	r.want(10, pipeline.Buckets-10, "a node of which nothing is known")
	r.told("web2", 1, 1, 0, 20, confirm.Buckets{})
	r.want(10, pipeline.Buckets-10, "a report of another view")
	r.told("web2", 1, 2, 0, 10, r.buckets(40, 43))
	r.want(10, 3, "a report of three buckets")
	r.told("web2", 1, 1, 0, 10, r.buckets(40, 60))
	r.want(10, 3, "an older report")
	r.hears("web2", 1, 2, 1, 20)
	r.want(20, 13, "moved: what it had, and the three")
	r.told("web2", 1, 3, 0, 20, confirm.Buckets{})
	r.want(20, 13, "a report of before its last release")
	r.told("web2", 1, 4, 1, 20, r.buckets(0, 1))
	r.want(20, 1, "a report of now")
	r.hears("web2", 1, 4, 2, 20)
	r.want(20, pipeline.Buckets-10, "something was missed")
	r.told("web2", 1, 5, 2, 20, confirm.Buckets{})
	r.want(20, 0, "and reported anew")
	r.hears("web2", 2, 1, 0, 0)
	r.want(20, pipeline.Buckets-10, "a new process")
}

func TestReportMayComeBeforeItsView(t *testing.T) {
	r := newReachTest(t)
	r.hears("web2", 1, 1, 0, 10)
	r.told("web2", 1, 1, 1, 20, confirm.Buckets{})
	r.want(20, pipeline.Buckets-10, "nobody said that it states this view")
	r.hears("web2", 1, 2, 1, 20)
	r.want(20, 0, "it does")
}

func TestReachOfNodesThatGo(t *testing.T) {
	r := newReachTest(t)
	for _, name := range []string{"web2", "web3"} {
		r.hears(name, 1, 1, 0, 10)
		r.told(name, 1, 1, 0, 10, confirm.Buckets{})
	}
	r.members([]settle.Member{{Name: "web1", Standing: settle.Alive}, {Name: "web2", Standing: settle.Alive}, {Name: "web3", Standing: settle.Alive}})
	r.want(10, 0, "all is settled")
	r.members([]settle.Member{{Name: "web2", Standing: settle.Gone}, {Name: "web3", Standing: settle.Left}})
	r.want(20, 10, "web2 is gone: its connections may live on in its kernel; web3 said goodbye")
	r.expire(r.now.Add(reachHold - time.Second))
	r.want(20, 10, "not for long yet")
	r.expire(r.now.Add(reachHold + time.Second))
	r.want(20, 0, "for long")
	if len(r.nodes) != 0 {
		t.Errorf("%d nodes are remembered", len(r.nodes))
	}
}

func TestReachKnowsAddresses(t *testing.T) {
	r := newReachTest(t)
	mac := config.MAC{0x02, 0, 0, 0, 1, 2}
	meta, err := cluster.Meta{Phase: cluster.Up, MAC: mac}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r.hears("web2", 1, 1, 0, 10)
	if names := r.names(); len(names) != 0 {
		t.Errorf("%v have addresses", names)
	}
	before := r.version
	r.beat(r.now, &confirm.Heartbeat{Name: "web2", Boot: 1, Seq: 2, Stated: 10, Target: 10, Meta: string(meta)})
	if names := r.names(); len(names) != 1 || r.nodes["web2"].mac != mac || r.version == before {
		t.Errorf("%v have addresses, web2 %v", names, r.nodes["web2"].mac)
	}
	r.hears("web1", 9, 1, 0, 10)
	if r.nodes["web1"] != nil {
		t.Error("this node is among the others")
	}
}

// TestOwnersOf: a bucket goes to one node where all divisions say so, and no other
// has flows.
func TestOwnersOf(t *testing.T) {
	before, after := &cluster.Table{}, &cluster.Table{}
	for b := range before {
		before[b], after[b] = uint8(b%3), uint8(b%3)
	}
	after[4], before[9], after[9] = 2, cluster.NoOwner, cluster.NoOwner
	c := &confirmation{self: "web1", warned: []change{{name: "web3", leaves: true}}}
	d := &division{view: cluster.View{Nodes: []cluster.Node{{Name: "web1"}, {Name: "web2"}, {Name: "web3"}}}}
	numbers := c.numbers(d, []string{"web2", "web3"})
	c.warned = nil
	calm := c.numbers(d, []string{"web2", "web3"})
	var abroad pipeline.Bits
	abroad.Set(7)
	for _, tt := range []struct {
		name    string
		numbers [256]uint8
		bucket  int
		want    uint8
	}{
		{"mine", calm, 3, pipeline.ThisNode}, {"web2's", calm, 1, 0}, {"web3's", calm, 2, 1}, {"moves", calm, 4, 0 | pipeline.InDoubt},
		{"flows abroad", calm, 7, 0 | pipeline.InDoubt}, {"nobody's", calm, 9, pipeline.ThisNode},
		{"web3 is going", numbers, 2, 1 | pipeline.InDoubt}, {"web2 is not", numbers, 1, 0},
	} {
		owners := ownersOf([]*cluster.Table{before, after}, [][256]uint8{tt.numbers, tt.numbers}, abroad)
		if got := owners[tt.bucket]; got != tt.want {
			t.Errorf("%s: goes to %d, want %d", tt.name, got, tt.want)
		}
	}
	if unknown := c.numbers(d, []string{"web2"}); unknown[2] != pipeline.AllNodes {
		t.Errorf("a node whose address is not known gets what is its own: %d", unknown[2])
	}
}
