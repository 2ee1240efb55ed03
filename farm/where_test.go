package farm

import (
	"errors"
	"net/netip"
	"testing"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/pipeline"
)

// answering is a loop that can be asked, of a farm in that view.
func answering(t *testing.T, view cluster.View, rules ...config.Rule) *loop {
	t.Helper()
	vips := manyVIPs(1)
	compiled, err := pipeline.Compile(vips, rules, pipeline.HashKey{1, 2, 3}, config.MAC{2, 0, 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	s := shares{rules: rules}
	return &loop{
		parts:    &parts{local: &local{cfg: &config.Config{Node: "web1", VIPs: vips, Rules: rules}}, datapath: &datapath{rules: compiled}},
		division: s.divide(view),
	}
}

var (
	webRule = config.Rule{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: 80, Last: 80}}, Affinity: config.Session}
	dnsRule = config.Rule{Name: "dns", Protocol: config.UDP, Ports: []config.PortRange{{First: 53, Last: 53}}, Affinity: config.Client}
)

// What where says is what the packet path does: the node that it names accepts
// the client's SYN, and no other does.
func TestWhereNamesTheNodeThatAccepts(t *testing.T) {
	t.Parallel()
	view := viewOf([]uint8{100, 100}, []uint8{100, 100}, []uint8{100, 100})
	l := answering(t, view, webRule, dnsRule)
	ids := ruleIDs(l.cfg.Rules)
	for client := range 200 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(client)}), uint16(40000+client))
		for i, rule := range l.cfg.Rules {
			w, err := l.where(from.Addr(), from.Port(), rule.Name)
			if err != nil || w.Rule != rule.Name {
				t.Fatalf("%v of rule %s: %+v, %v", from, rule.Name, w, err)
			}
			for _, node := range view.Names() {
				if has := l.division.of(node, ids).Has(ids[i], w.Bucket); has != (node == w.Node) {
					t.Fatalf("%v of rule %s is said to be at %s; %s has the bucket: %v", from, rule.Name, w.Node, node, has)
				}
			}
		}
	}
}

func TestWhereMindsTheAffinity(t *testing.T) {
	l := answering(t, viewOf([]uint8{100, 100}), webRule, dnsRule)
	client := netip.MustParseAddr("203.0.113.7")
	buckets := make(map[string]map[int]bool)
	for port := range 50 {
		for _, rule := range []string{"web", "dns"} {
			w, err := l.where(client, uint16(1000+port), rule)
			if err != nil {
				t.Fatal(err)
			}
			if buckets[rule] == nil {
				buckets[rule] = make(map[int]bool)
			}
			buckets[rule][w.Bucket] = true
		}
	}
	if len(buckets["dns"]) != 1 || len(buckets["web"]) < 45 {
		t.Errorf("50 ports: %d buckets by affinity client, %d by session", len(buckets["dns"]), len(buckets["web"]))
	}
}

func TestWhereOfARuleThatIsNotClear(t *testing.T) {
	two := answering(t, viewOf([]uint8{100, 100}), webRule, dnsRule)
	one := answering(t, viewOf([]uint8{100}), webRule)
	nobody := answering(t, cluster.View{}, webRule)
	for _, tt := range []struct {
		name string
		loop *loop
		rule string
		code string
		cure string
		node string
	}{
		{"the only one", one, "", "", "", "web1"},
		{"by name", one, "web", "", "", "web1"},
		{"nobody serves", nobody, "web", "", "", ""},
		{"which of two", two, "", console.CodeBadRequest, "name one of: web, dns", ""},
		{"misspelt", two, "wbe", console.CodeNotFound, "name one of: web, dns", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := tt.loop.where(netip.MustParseAddr("203.0.113.7"), 40000, tt.rule)
			var refused *console.Error
			errors.As(err, &refused)
			if tt.code == "" {
				if err != nil || w.Node != tt.node {
					t.Errorf("%+v, %v", w, err)
				}
				return
			}
			if refused == nil || refused.Code != tt.code || refused.Cure != tt.cure {
				t.Errorf("%+v, %v", w, err)
			}
		})
	}
}
