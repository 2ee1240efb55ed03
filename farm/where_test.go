package farm

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
	"thresher/farm/division"
	"thresher/pipeline"
)

// answering is a loop that can be asked, of a farm in that view.
func answering(t *testing.T, view cluster.View, rules ...config.Rule) *loop {
	t.Helper()
	vips := manyVIPs(1)
	compiled, err := pipeline.Compile(vips, rules, config.HashKey{Function: config.Multilinear, Secret: [16]byte{1, 2, 3}}, config.MAC{2, 0, 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	s := division.Divider{Rules: rules}
	return &loop{
		parts:    &parts{local: &local{cfg: &config.Config{Node: "web1", VIPs: vips, Rules: rules}}, datapath: &datapath{rules: compiled}},
		division: s.Divide(view),
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
	ids := division.RuleIDs(l.cfg.Rules)
	for client := range 200 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(client)}), uint16(40000+client))
		for i, rule := range l.cfg.Rules {
			found, err := l.where(from.Addr(), from.Port(), rule.Name)
			if err != nil || len(found) != 1 || found[0].Rule != rule.Name {
				t.Fatalf("%v of rule %s: %+v, %v", from, rule.Name, found, err)
			}
			w := found[0]
			for _, node := range view.Names() {
				if has := l.division.Of(node, ids).Has(ids[i], w.Bucket); has != (node == w.Node) {
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
			buckets[rule][w[0].Bucket] = true
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
		{"misspelt", two, "wbe", console.CodeNotFound, "name one of: web, dns", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := tt.loop.where(netip.MustParseAddr("203.0.113.7"), 40000, tt.rule)
			var refused *console.Error
			errors.As(err, &refused)
			if tt.code == "" {
				if err != nil || len(w) != 1 || w[0].Node != tt.node {
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

// A client that no node can be told for is refused, with what to ask instead.
func TestWhereOfAClientThatHasNoNode(t *testing.T) {
	single, packet, blocked := webRule, dnsRule, webRule
	single.Mode, packet.Affinity, blocked.Mode = config.ModeSingle, config.Packet, config.ModeBlock
	for _, tt := range []struct {
		name, client string
		port         uint16
		rule         config.Rule
		says         string
	}{
		{"session without a port", "203.0.113.7", 0, webRule, "rule web places each flow by itself, by its port, too; give ADDRESS:PORT, such as 203.0.113.7:40000 (in the API, port)"},
		{"IPv6, session without a port", "2001:db8::7", 0, webRule, "rule web places each flow by itself, by its port, too; give ADDRESS:PORT, such as [2001:db8::7]:40000 (in the API, port)"},
		{"session with a port", "203.0.113.7", 40000, webRule, ""},
		{"one node has all", "203.0.113.7", 0, single, ""},
		{"the port does not count", "203.0.113.7", 0, dnsRule, ""},
		{"packet", "203.0.113.7", 40000, packet, "rule dns places each datagram by itself"},
		{"block", "203.0.113.7", 40000, blocked, "nobody serves rule web"},
		{"multicast", "224.0.0.1", 40000, webRule, "no client can have the address 224.0.0.1"},
		{"broadcast", "255.255.255.255", 40000, webRule, "no client can have"},
		{"none", "0.0.0.0", 40000, webRule, "no client can have"},
		{"loopback", "127.0.0.1", 40000, webRule, "no client can have"},
		{"the VIP", manyVIPs(1)[0].Address.String(), 40000, webRule, "no client can have"},
		{"IPv6 multicast", "ff02::1", 40000, webRule, "no client can have"},
		{"IPv6 none", "::", 40000, webRule, "no client can have"},
		{"IPv6 loopback", "::1", 40000, webRule, "no client can have"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := answering(t, viewOf([]uint8{100}), tt.rule).where(netip.MustParseAddr(tt.client), tt.port, "")
			if tt.says == "" {
				if err != nil || len(w) != 1 || w[0].Node != "web1" {
					t.Errorf("%+v, %v", w, err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), tt.says) {
				t.Errorf("%+v, %v; want %s", w, err, tt.says)
			}
		})
	}
}

func TestWhereByEachRule(t *testing.T) {
	l := answering(t, viewOf([]uint8{100, 100}), webRule, dnsRule)
	client := netip.MustParseAddr("203.0.113.7")
	both, err := l.where(client, 40000, "")
	if err != nil || len(both) != 2 {
		t.Fatalf("%+v, %v", both, err)
	}
	for i, rule := range []string{"web", "dns"} {
		if one, err := l.where(client, 40000, rule); err != nil || one[0] != both[i] || both[i].Node != "web1" {
			t.Errorf("by rule %s %+v, %v; by each %+v", rule, one, err, both[i])
		}
	}
	without, err := l.where(client, 0, "")
	if err != nil || len(without) != 2 || without[0].Node != "" || without[0].Reason == "" || without[1] != both[1] {
		t.Errorf("without a port: %+v, %v", without, err)
	}
}
