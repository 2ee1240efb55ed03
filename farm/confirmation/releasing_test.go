package confirmation

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/farm/division"
	"thresher/farm/gate"
	"thresher/pipeline"
)

// releaseTest is the release of a node "a" that leaves "b" and "c", or that "d"
// joins.
type releaseTest struct {
	releasing
	before, without, with confirm.View
	now                   confirm.Time
}

const releaseBoot = 77

func newReleaseTest() *releaseTest {
	members := func(names ...string) (v confirm.View) {
		var list []confirm.Member
		for _, n := range names {
			list = append(list, confirm.Member{Name: n})
		}
		return confirm.NewView(list)
	}
	return &releaseTest{before: members("a", "b", "c"), without: members("b", "c"), with: members("a", "b", "c", "d"), now: 1000}
}

var releasedBuckets = everything(division.RuleIDs(nil))

func (r *releaseTest) leave() { r.begin(r.now, releasedBuckets, 0, r.before, r.without, "a") }

// says is a heartbeat of a peer that has heard the node's heartbeat of that number.
func (r *releaseTest) says(name string, target confirm.View, heard uint64) {
	r.heard(&confirm.Heartbeat{
		Name: name, Phase: confirm.Up, Target: target.ID,
		Echoes: []confirm.Echo{{Peer: confirm.IDOf("z"), Boot: releaseBoot, Heard: 99}, {Peer: confirm.IDOf("a"), Boot: releaseBoot, Heard: heard}},
	}, releaseBoot)
}

// SYNs are kept until everybody who stays has heard of the release.
func TestReleaseWaitsForAllThatStay(t *testing.T) {
	r := newReleaseTest()
	r.leave()
	r.says("b", r.without, 10) // before it was said
	r.said(10)
	r.said(11)
	r.says("b", r.before, 9)
	r.says("b", r.without, 9) // as it foresees, or by gossip: it has not heard of it
	r.says("z", r.without, 10)
	if r.over(r.now) || len(r.ready) != 0 {
		t.Fatalf("over though nobody has heard of it; ready %v", r.ready)
	}
	r.says("b", r.without, 10)
	r.says("b", r.without, 11)
	if r.over(r.now) || !slices.Equal(r.ready, []string{"b"}) {
		t.Errorf("b has heard: over %v, ready %v", r.over(r.now), r.ready)
	}
	r.says("c", r.without, 12)
	if !r.over(r.now) || !slices.Equal(r.ready, []string{"b", "c"}) || r.Number != 1 {
		t.Errorf("all have heard: over %v, ready %v, number %d", r.over(r.now), r.ready, r.Number)
	}
}

func TestReleaseDoesNotWaitForEver(t *testing.T) {
	r := newReleaseTest()
	r.leave()
	r.said(10)
	r.says("c", r.without, 10)
	if r.over(r.now.Add(keepSYNs - 1)) {
		t.Error("over too early")
	}
	if !r.over(r.now.Add(keepSYNs)) || !slices.Equal(r.ready, []string{"c"}) {
		t.Errorf("not over after %v, ready %v", keepSYNs, r.ready)
	}
}

// A heartbeat of before the release says nothing of it: somebody may have recorded it. One
// of since does, though a newer one has been read first.
func TestOldHeartbeatEndsNoRelease(t *testing.T) {
	r := newReleaseTest()
	r.leave()
	r.known = []confirm.PeerViews{{Name: "b", Boot: 5, Seq: 100}}
	elsewhere := func(boot, seq uint64) {
		r.heard(&confirm.Heartbeat{Name: "b", Boot: boot, Seq: seq, Phase: confirm.Up, Target: 4711}, releaseBoot)
	}
	elsewhere(5, 100)
	elsewhere(4, 1<<40)
	if r.Number == 0 {
		t.Fatal("an old heartbeat has ended the release")
	}
	r.said(10)
	r.heard(&confirm.Heartbeat{Name: "b", Boot: 5, Seq: 102, Phase: confirm.Up, Target: r.before.ID}, releaseBoot)
	elsewhere(5, 101)
	if r.Number != 0 {
		t.Error("still keeping, though b has headed elsewhere since")
	}
}

// TestRecordedHeartbeatEndsNoRelease: a release knows what its node had heard by then.
func TestRecordedHeartbeatEndsNoRelease(t *testing.T) {
	c, now := servingAlone(t)
	all := c.node.Own()
	beat := func(seq uint64, target confirm.ViewID) {
		c.receiveBeat(now, &confirm.Heartbeat{
			Name: "web2", Boot: 50, Seq: seq, Phase: confirm.Up, Lease: c.params.Lease, Target: target, Meta: c.node.Stated().Members[0].Meta,
		})
	}
	beat(1000, 0)
	lease := confirm.Lease{Deadline: now.Add(time.Second), Confirmed: all}
	if err := c.gate.Enforce(now, lease, gate.Surroundings{}, nil); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	c.letGo(now, confirm.Lease{Released: all}, true)
	if beat(3, 4711); c.releasing.Number == 0 {
		t.Fatal("a recorded heartbeat has ended the release, or there is none")
	}
	if beat(1001, 4711); c.releasing.Number != 0 {
		t.Error("still keeping, though web2 heads elsewhere")
	}
}

// Who joins heads for the view with itself before anybody has released anything.
func TestReleaseToWhoJoins(t *testing.T) {
	r := newReleaseTest()
	r.begin(r.now, releasedBuckets, r.with.ID, r.before, r.with, "a")
	r.said(10)
	r.says("d", r.with, 9)
	r.says("b", r.before, 10)
	r.says("c", r.with, 10)
	r.says("b", r.with, 10)
	if r.over(r.now) {
		t.Error("over before the new node has heard of the release")
	}
	r.says("d", r.with, 10)
	if !r.over(r.now) {
		t.Error("not over")
	}
}

// Two changes at once: it cannot be told who gets what, or has had it between.
func TestReleaseEndsWithAnotherChange(t *testing.T) {
	for name, change := range map[string]func(*releaseTest){
		"a peer heads for another view": func(r *releaseTest) { r.says("c", r.with, 10) },
		"another release to nobody":     func(r *releaseTest) { r.begin(r.now, releasedBuckets, 0, r.without, confirm.View{}, "a") },
		"another release of nothing":    func(r *releaseTest) { r.begin(r.now, confirm.Buckets{}, 0, r.before, r.without, "a") },
	} {
		r := newReleaseTest()
		r.leave()
		r.said(10)
		r.says("b", r.without, 10)
		if change(r); r.Number != 0 || !r.Buckets.Empty() || r.over(r.now.Add(time.Hour)) {
			t.Errorf("%s: still keeping", name)
		}
		if r.leave(); r.Number != 2 || len(r.ready) != 0 || r.seq != 0 {
			t.Errorf("%s: the next one is number %d, ready %v", name, r.Number, r.ready)
		}
	}
	r := newReleaseTest()
	r.leave()
	r.heard(&confirm.Heartbeat{Name: "c", Phase: confirm.Starting, Target: 0}, releaseBoot)
	r.says("z", r.with, 10)
	if r.Number != 1 {
		t.Error("ended by who heads for nothing, or has no part in it")
	}
}

var testVIP = config.VIP{Address: netip.MustParseAddr("192.0.2.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}

// heirsTest is a release of "a", which leaves "b" and "c", and a SYN that was kept.
func heirsTest(t *testing.T) (*heirs, *pipeline.Rules, *pipeline.Leftover) {
	t.Helper()
	rules := []config.Rule{{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}, Affinity: config.Session}}
	compiled, err := pipeline.Compile([]config.VIP{testVIP}, rules, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1}}, config.MAC{2, 0, 0, 0, 0, 0x0b})
	if err != nil {
		t.Fatal(err)
	}
	s := division.Divider{Rules: rules}
	d := s.Divide(cluster.View{Nodes: []cluster.Node{
		{Name: "b", MAC: config.MAC{2, 0, 0, 0, 0, 0xb}, Weights: []uint8{100}}, {Name: "c", MAC: config.MAC{2, 0, 0, 0, 0, 0xc}, Weights: []uint8{100}},
	}})
	return &heirs{release: 1, division: &d, ready: []string{"b", "c"}}, compiled, leftover(t, compiled)
}

// leftover is a SYN that was kept as of release 1.
func leftover(t *testing.T, rules *pipeline.Rules) *pipeline.Leftover {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, SrcIP: []byte{203, 0, 113, 7}, DstIP: testVIP.Address.AsSlice(), Protocol: layers.IPProtocolTCP}
	tcp := &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: testVIP.MAC[:], EthernetType: layers.EthernetTypeIPv4}, ip, tcp)
	if err != nil {
		t.Fatal(err)
	}
	part := &pipeline.Part{}
	for i := range pipeline.Buckets {
		part.Released.Set(uint16(i))
	}
	out := make(chan pipeline.Leftover, 1)
	lot := pipeline.NewLot(1)
	lot.Leftovers = out
	lot.Keep(pipeline.NewTable(rules, &pipeline.Share{Rules: []*pipeline.Part{part}, Echo: part, Release: 1}), b.Bytes(), pipeline.Facts{}, 1)
	lot.Review()
	lot.Release(pipeline.NewTable(rules, nil), pipeline.Lease{Now: 2}, make([]byte, pipeline.LotPacketLen))
	l := <-out
	return &l
}

func TestHeirsOfALeftover(t *testing.T) {
	h, rules, l := heirsTest(t)
	place := rules.Place(netip.MustParseAddrPort("203.0.113.7:40000"), 0)
	owner := h.division.Owner(0, place.Bucket)
	to, ok := h.of(rules, l)
	if want := (config.MAC{2, 0, 0, 0, 0, owner[0] - 'a' + 0xa}); !ok || to != want {
		t.Errorf("it goes to %v (%v), want %s at %v", to, ok, owner, want)
	}
	for name, change := range map[string]func(*heirs){
		"another release":          func(h *heirs) { h.release = 2 },
		"who gets it is not ready": func(h *heirs) { h.ready = slices.DeleteFunc(h.ready, func(n string) bool { return n == owner }) },
	} {
		h, rules, l := heirsTest(t)
		change(h)
		if _, ok := h.of(rules, l); ok {
			t.Errorf("%s: sent on", name)
		}
	}
	if _, ok := (*heirs)(nil).of(rules, l); ok {
		t.Error("sent on though nothing was released")
	}
}
