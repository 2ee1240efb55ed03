package farm

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"thresher/arp"
	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/farm/confirmation"
	"thresher/farm/division"
)

// manyVIPs are so many VIPs in a row.
func manyVIPs(n int) []config.VIP {
	vips := make([]config.VIP, n)
	for i := range vips {
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)})
		vips[i] = config.VIP{Address: a, Mode: config.Flood, MAC: config.FloodMAC(a)}
	}
	return vips
}

// viewOf is a view of nodes web1, web2 ... with these weights each.
func viewOf(weights ...[]uint8) cluster.View {
	nodes := make([]cluster.Node, len(weights))
	for i, w := range weights {
		nodes[i] = cluster.Node{Name: fmt.Sprintf("web%d", i+1), Weights: w}
	}
	return cluster.View{ID: confirm.ViewID(len(nodes)), Nodes: nodes}
}

// Every VIP is answered for by exactly one node, the one that the view elects,
// and watched by all.
func TestBindings(t *testing.T) {
	vips := manyVIPs(20)
	view := viewOf([]uint8{100}, []uint8{100}, []uint8{100})
	answered := make(map[netip.Addr]string)
	for _, self := range view.Names() {
		b := bindingsFor(view, self, vips)
		if len(b.all) != len(vips) || len(b.mine) == 0 || len(b.mine) == len(vips) {
			t.Errorf("%s answers for %d of %d VIPs, and watches %d", self, len(b.mine), len(vips), len(b.all))
		}
		for _, m := range b.mine {
			if other := answered[m.Address]; other != "" {
				t.Errorf("%s and %s both answer for %s", self, other, m.Address)
			}
			answered[m.Address] = self
			if m.MAC != config.FloodMAC(m.Address) {
				t.Errorf("%s answers for %s with %s", self, m.Address, m.MAC)
			}
		}
		for _, vip := range vips {
			if want := view.Responder(vip.Address); b.responders[vip.Address] != want {
				t.Errorf("%s takes %s for the responder of %s, not %s", self, b.responders[vip.Address], vip.Address, want)
			}
		}
	}
	if len(answered) != len(vips) {
		t.Errorf("%d of %d VIPs are answered for", len(answered), len(vips))
	}
}

func TestNobodyAnswersInAnEmptyFarm(t *testing.T) {
	b := bindingsFor(cluster.View{}, "web1", manyVIPs(1))
	want := bindings{
		responders: map[netip.Addr]string{netip.MustParseAddr("192.0.2.100"): ""},
		all:        []arp.Binding{{Address: netip.MustParseAddr("192.0.2.100"), MAC: config.MAC{0x5a, 0xfe, 192, 0, 2, 100}}},
	}
	if diff := cmp.Diff(want, b, cmp.AllowUnexported(bindings{}), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBindingsAreEqualOnlyIfNothingChanged(t *testing.T) {
	three, two := viewOf([]uint8{100}, []uint8{100}, []uint8{100}), viewOf([]uint8{100}, []uint8{100})
	vips := manyVIPs(20)
	b := bindingsFor(three, "web1", vips)
	if !b.equal(bindingsFor(three, "web1", vips)) {
		t.Error("the same view gives other bindings")
	}
	for what, other := range map[string]bindings{
		"nothing yet":   {},
		"another view":  bindingsFor(two, "web1", vips),
		"another self":  bindingsFor(three, "web2", vips),
		"one VIP fewer": bindingsFor(three, "web1", vips[1:]),
	} {
		if b.equal(other) {
			t.Errorf("%s: taken for the same", what)
		}
	}
}

// Two nodes send probes for each VIP, of which its responder is one; a node that is
// alone sends them too.
func TestTwoNodesProbe(t *testing.T) {
	vips := manyVIPs(20)
	view := viewOf([]uint8{100}, []uint8{100}, []uint8{100})
	senders := make(map[uint8][]string)
	for _, self := range view.Names() {
		for _, vip := range bindingsFor(view, self, vips).probes {
			senders[vip] = append(senders[vip], self)
		}
	}
	for i, vip := range vips {
		if got := senders[uint8(i)]; len(got) != 2 || !slices.Contains(got, view.Responder(vip.Address)) {
			t.Errorf("%v send probes for %v, whose responder is %s", got, vip.Address, view.Responder(vip.Address))
		}
	}
	alone := viewOf([]uint8{100})
	if got := bindingsFor(alone, alone.Names()[0], vips).probes; len(got) != len(vips) {
		t.Errorf("who is alone sends probes for %v", got)
	}
}

// A VIP in mode directed is answered for with the responder's own address, and moves
// with it; nobody probes whether its frames reach everybody.
func TestBindingsOfDirected(t *testing.T) {
	vips := manyVIPs(20)
	for i := range vips {
		vips[i].Mode, vips[i].MAC = config.Directed, config.MAC{}
	}
	view := viewOf([]uint8{100}, []uint8{100}, []uint8{100})
	for i := range view.Nodes {
		view.Nodes[i].MAC = config.MAC{0x02, 0, 0, 0, 0, byte(i + 1)}
	}
	directors := make(map[config.MAC]int)
	for i, self := range view.Names() {
		b := bindingsFor(view, self, vips)
		if len(b.all) != len(vips) || len(b.probes) != 0 {
			t.Errorf("%s watches %d VIPs, and probes for %v", self, len(b.all), b.probes)
		}
		for _, m := range b.mine {
			directors[m.MAC]++
			if m.MAC != view.Nodes[i].MAC || !m.Directed {
				t.Errorf("%s answers for %v with %v, directed: %v", self, m.Address, m.MAC, m.Directed)
			}
		}
	}
	if len(directors) != 3 {
		t.Errorf("20 VIPs have %d directors of 3", len(directors))
	}
	nobody := bindingsFor(cluster.View{}, "web1", vips)
	if len(nobody.all) != 0 || nobody.macOf(vips[0]) != "" {
		t.Errorf("in an empty farm %d are watched, the first is at %q", len(nobody.all), nobody.macOf(vips[0]))
	}
	if got := bindingsFor(view, "web1", vips).macOf(vips[0]); got != addressOf(view, view.Responder(vips[0].Address)).String() {
		t.Errorf("the status has %s", got)
	}
}

func TestStations(t *testing.T) {
	a, b := config.MAC{2, 0, 0, 0, 0, 1}, config.MAC{2, 0, 0, 0, 0, 2}
	got := stations([]cluster.Member{{Meta: cluster.Meta{MAC: b}}, {}, {Meta: cluster.Meta{MAC: a}}, {Meta: cluster.Meta{MAC: b}}})
	if !slices.Equal(got, []config.MAC{a, b}) {
		t.Errorf("%v", got)
	}
}

// A node that is out of the farm knows who answers, and takes no part in it.
func TestAnsweringOfANodeThatIsOut(t *testing.T) {
	all := cluster.View{ID: 1, Nodes: []cluster.Node{{Name: "web1"}, {Name: "web2"}, {Name: "web3"}}}
	none := division.Division{}
	if got := answerers(&confirmation.Picture{Target: &division.Division{View: all}, Observed: &none}, "web1"); got.ID != all.ID || len(got.Nodes) != 3 {
		t.Errorf("in the farm: %+v", got)
	}
	got := answerers(&confirmation.Picture{Target: &none, Observed: &division.Division{View: all}}, "web1")
	if names := got.Names(); !slices.Equal(names, []string{"web2", "web3"}) {
		t.Errorf("out of it: %v answer", names)
	}
	if got := answerers(&confirmation.Picture{Target: &none, Observed: &none}, "web1"); len(got.Nodes) != 0 {
		t.Errorf("nobody is up: %+v", got)
	}
}
