package reach

import (
	"testing"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/cluster/settle"
	"thresher/config"
	"thresher/pipeline"
)

// farm is a farm of web1, this node, and web2 and web3; view 10 gives web2 the
// buckets 0 to 9, view 20 gives it 10 to 19, and web3 has 20 to 29 by both.
type farm struct {
	*testing.T
	*Others
	rule confirm.RuleID
	now  confirm.Time
}

func newFarm(t *testing.T) *farm {
	r := &farm{T: t, rule: 7, now: 1000}
	r.Others = New("web1", func(id confirm.ViewID, name string) confirm.Buckets {
		switch {
		case id == 0:
			return confirm.Buckets{}
		case name == "web3":
			return r.buckets(20, 30)
		case name == "web2":
			return r.buckets(int(id)-10, int(id))
		}
		return confirm.Buckets{}
	}, r.buckets(0, pipeline.Buckets))
	return r
}

// buckets are those from one to another.
func (r *farm) buckets(from, to int) confirm.Buckets {
	bits := confirm.NewBitmap(pipeline.Buckets)
	for b := from; b < to; b++ {
		bits.Set(b)
	}
	return confirm.BucketsOf(map[confirm.RuleID]*confirm.Bitmap{r.rule: bits})
}

func (r *farm) hears(name string, boot, seq, release uint64, view confirm.ViewID) {
	r.now = r.now.Add(50 * time.Millisecond)
	r.Beat(r.now, &confirm.Heartbeat{Name: name, Boot: boot, Seq: seq, Release: release, Stated: view, Target: view})
}

func (r *farm) told(name string, boot, seq, release uint64, view confirm.ViewID, flows confirm.Buckets) {
	r.Reported(&settle.Report{Name: name, Boot: boot, Seq: seq, Release: release, View: view, Rules: []confirm.RuleID{r.rule}, Flows: flows})
}

// want holds that so many buckets may have flows elsewhere than at their owner's.
func (r *farm) want(view confirm.ViewID, n int, why string) {
	r.Helper()
	if got := r.Abroad(view).Len(); got != n {
		r.Errorf("%s: %d buckets may have flows abroad, want %d", why, got, n)
	}
}

func TestFollowsViewsAndReports(t *testing.T) {
	r := newFarm(t)
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
	r := newFarm(t)
	r.hears("web2", 1, 1, 0, 10)
	r.told("web2", 1, 1, 1, 20, confirm.Buckets{})
	r.want(20, pipeline.Buckets-10, "nobody said that it states this view")
	r.hears("web2", 1, 2, 1, 20)
	r.want(20, 0, "it does")
}

func TestNodesThatGo(t *testing.T) {
	r := newFarm(t)
	for _, name := range []string{"web2", "web3"} {
		r.hears(name, 1, 1, 0, 10)
		r.told(name, 1, 1, 0, 10, confirm.Buckets{})
	}
	r.Members([]settle.Member{{Name: "web1", Standing: settle.Alive}, {Name: "web2", Standing: settle.Alive}, {Name: "web3", Standing: settle.Alive}})
	r.want(10, 0, "all is settled")
	r.Members([]settle.Member{{Name: "web2", Standing: settle.Gone}, {Name: "web3", Standing: settle.Left}})
	r.want(20, 10, "web2 is gone: its connections may live on in its kernel; web3 said goodbye")
	r.Expire(r.now.Add(hold - time.Second))
	r.want(20, 10, "not for long yet")
	r.Expire(r.now.Add(hold + time.Second))
	r.want(20, 0, "for long")
	if len(r.nodes) != 0 {
		t.Errorf("%d nodes are remembered", len(r.nodes))
	}
}

func TestKnowsAddresses(t *testing.T) {
	r := newFarm(t)
	mac := config.MAC{0x02, 0, 0, 0, 1, 2}
	meta, err := cluster.Meta{Phase: cluster.Up, MAC: mac}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r.hears("web2", 1, 1, 0, 10)
	if names, _ := r.Reached(); len(names) != 0 {
		t.Errorf("%v have addresses", names)
	}
	before := r.Version()
	r.Beat(r.now, &confirm.Heartbeat{Name: "web2", Boot: 1, Seq: 2, Stated: 10, Target: 10, Meta: string(meta)})
	if names, macs := r.Reached(); len(names) != 1 || macs[0] != mac || r.Version() == before {
		t.Errorf("%v have the addresses %v", names, macs)
	}
	r.hears("web1", 9, 1, 0, 10)
	if r.nodes["web1"] != nil {
		t.Error("this node is among the others")
	}
}
