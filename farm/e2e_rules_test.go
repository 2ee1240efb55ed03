package farm_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/internal/farmtest"
	"thresher/perf/lab"
)

// edit changes a node's configuration file by pairs of old and new text.
func (f *testFarm) edit(n *lab.Node, pairs ...string) {
	f.T.Helper()
	old, err := os.ReadFile(n.ConfigFile())
	must(f.T, err)
	next := strings.NewReplacer(pairs...).Replace(string(old))
	if next == string(old) {
		f.T.Fatalf("%q is nowhere in\n%s", pairs, old)
	}
	must(f.T, os.WriteFile(n.ConfigFile(), []byte(next), 0o600))
}

// startWithRules starts all nodes with more rules, below those of the options.
func (f *testFarm) startWithRules(rules func(*lab.Node) string) {
	f.T.Helper()
	for _, n := range f.Nodes {
		yaml, err := n.NodeConfig(f.Options)
		must(f.T, err)
		f.StartWith(n, strings.Replace(yaml, "default: deny\n", rules(n)+"default: deny\n", 1))
	}
	f.Converge(f.Nodes...)
}

// rule is how a node sees a rule of its own.
func (f *testFarm) rule(n *lab.Node, name string) console.Rule {
	f.T.Helper()
	s, err := f.Status(n)
	must(f.T, err)
	for _, r := range s.Rules {
		if r.Name == name {
			return r
		}
	}
	f.T.Fatalf("%s knows no rule %s", n.Name, name)
	return console.Rule{}
}

// refuses runs a command that must fail, and returns what it says.
func (f *testFarm) refuses(n *lab.Node, args ...string) string {
	f.T.Helper()
	out, err := n.CLI(f.Ctx, binary, args...)
	if err == nil {
		f.T.Fatalf("thresher %v on %s: done\n%s", args, n.Name, out)
	}
	return string(out) + err.Error()
}

// alone checks that one node, and no other, serves all of a rule: by what it says,
// and by who answers.
func (f *testFarm) alone(rule string, port uint16, server *lab.Node) {
	f.T.Helper()
	f.Eventually(10*time.Second, server.Name+" serves "+rule, func() bool { return f.rule(server, rule).Mine == 65536 })
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, lab.SYNs{
		To: netip.AddrPortFrom(lab.VIP(), port), MAC: f.VMAC(), From: lab.SYNSources(300), Rate: 3000,
	})
	must(f.T, err)
	must(f.T, c.Settle(f.Ctx, 300*time.Millisecond))
	farmtest.OnePerSYN(f.T, c, sent)
	for flow, sources := range c.Answers(lab.SYNACK) {
		if sources[server.MAC] != 1 {
			f.T.Fatalf("%v was answered by %v, not by %s", flow, sources, server.Name)
		}
	}
}

// TestRuleModes: of a rule with mode single the first in the line answers all, and
// the next when it goes; a rule with mode block nobody answers; a rule for some
// nodes the others have no part of.
func TestRuleModes(t *testing.T) {
	t.Parallel()
	for _, offload := range []string{"full", "none"} {
		if offload == "none" && !*long {
			continue
		}
		t.Run(offload, func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 3, ClientAddresses: 8}, lab.FarmOptions{TCPPorts: []int{80}, Affinity: "session", Offload: offload})
			for _, n := range f.Nodes {
				for _, address := range []string{":80", ":81", ":82", ":83"} {
					_, err := n.StartHTTP(address, nil)
					must(t, err)
				}
			}
			place := map[string]string{"node1": "30", "node2": "10", "node3": "20"}
			f.startWithRules(func(n *lab.Node) string {
				return "  - {name: db, protocol: tcp, ports: [81], mode: single, priority: " + place[n.Name] + "}\n" +
					"  - {name: old, protocol: tcp, ports: [82], mode: block}\n" +
					"  - {name: two, protocol: tcp, ports: [83], nodes: [node1, node3, node9]}\n"
			})
			f.alone("db", 81, f.Nodes[1])
			f.Thresher(f.Nodes[1], "weight", "db", "0")
			f.alone("db", 81, f.Nodes[2])
			f.Thresher(f.Nodes[2], "stop")
			f.alone("db", 81, f.Nodes[0])
			f.Thresher(f.Nodes[1], "weight", "db", "--reset")
			f.alone("db", 81, f.Nodes[1])
			f.Thresher(f.Nodes[2], "start")
			f.Converge(f.Nodes...)
			f.alone("db", 81, f.Nodes[1])
			f.checkBlocked()
			f.checkNodesOfARule()
			f.Kill(f.Nodes[1])
			f.alone("db", 81, f.Nodes[2])
		})
	}
}

// checkBlocked sends SYNs of rule old: all nodes drop them under a reason of their
// own.
func (f *testFarm) checkBlocked() {
	f.T.Helper()
	before := make(map[string]uint64)
	for _, n := range f.Nodes {
		s, err := f.Status(n)
		must(f.T, err)
		before[n.Name] = s.Datapath.Reasons["blocked"]
	}
	c := f.Capture()
	defer c.Close()
	sent, err := f.Client.SendSYNs(f.Ctx, lab.SYNs{
		To: netip.AddrPortFrom(lab.VIP(), 82), MAC: f.VMAC(), From: lab.SYNSources(100), Rate: 2000,
	})
	must(f.T, err)
	must(f.T, c.Settle(f.Ctx, 300*time.Millisecond))
	if n := len(c.Answers(lab.SYNACK)); n > 0 {
		f.T.Errorf("%d blocked SYNs were answered", n)
	}
	for _, n := range f.Nodes {
		f.Eventually(5*time.Second, fmt.Sprintf("%s blocks %d SYNs", n.Name, sent), func() bool {
			s, err := f.Status(n)
			must(f.T, err)
			return s.Datapath.Reasons["blocked"]-before[n.Name] == uint64(sent)
		})
	}
	if says := f.refuses(f.Nodes[0], "where", "192.0.2.7:1000", "--rule", "old"); !strings.Contains(says, "nobody serves rule old") {
		f.T.Errorf("thresher where says %q", says)
	}
}

// checkNodesOfARule: rule two is for node1 and node3 and one that has not come.
func (f *testFarm) checkNodesOfARule() {
	f.T.Helper()
	for i, want := range []bool{true, false, true} {
		r := f.rule(f.Nodes[i], "two")
		if serves := r.Mine > 0; serves != want || r.Weight > 0 != want {
			f.T.Errorf("%s has %d buckets of rule two, weight %d", f.Nodes[i].Name, r.Mine, r.Weight)
		}
	}
	if says := f.refuses(f.Nodes[1], "weight", "two", "50"); !strings.Contains(says, "rule two is not for this node") {
		f.T.Errorf("thresher weight says %q", says)
	}
}

// TestReload: weights take effect in the running process, other settings by a
// restart in place, and what is refused changes nothing. Connections notice none
// of it.
func TestReload(t *testing.T) {
	t.Parallel()
	f := &testFarm{Farm: restartFarm(t, lab.FarmOptions{}).Farm}
	f.StartAll()
	k := f.talk(60)
	n := f.Nodes[1]
	weighs := func(weight int) {
		t.Helper()
		f.Eventually(20*time.Second, "the farm knows the weight", func() bool {
			s, err := f.Status(f.Nodes[0])
			must(t, err)
			share := s.Nodes[1].Shares["web"]
			want := float64(weight) / float64(weight+200)
			return f.rule(n, "web").Weight == weight && share > want-0.02 && share < want+0.02
		})
	}
	if out := f.Thresher(n, "reload"); out != "nothing has changed\n" {
		t.Errorf("reload of the same file: %q", out)
	}
	f.edit(n, "ports: [80, 7000]", "ports: [80, 7000], weight: 20, nodes: [node1, node2, node3, node9]")
	out := f.Thresher(n, "reload", "--check")
	for _, want := range []string{"rules.web.weight: 20, was 100", "warning: rule web is for node node9, which has not been seen in the farm"} {
		if !strings.Contains(out, want) {
			t.Errorf("reload --check does not say %q:\n%s", want, out)
		}
	}
	weighs(100)
	f.Thresher(n, "reload")
	weighs(20)
	f.edit(n, "weight: 20", "weight: 60")
	must(t, f.Daemons[n.Name].Signal(syscall.SIGHUP))
	weighs(60)
	f.Thresher(n, "weight", "web", "40")
	weighs(40)

	f.edit(n, "weight: 60", "weight: 600, colour: red")
	says := f.refuses(n, "reload")
	for _, want := range []string{n.ConfigFile() + ":6: rules[0].weight: weight 600 is out of range", "colour"} {
		if !strings.Contains(says, want) {
			t.Errorf("reload of a bad file does not say %q:\n%s", want, says)
		}
	}
	f.edit(n, "weight: 600, colour: red", "weight: 60", "ports: [80, 7000]", "ports: [80, 81, 7000]")
	if says := f.refuses(n, "reload"); !strings.Contains(says, "not reloaded: nodes with other rules, VIPs or default cannot share clients: rules.web changed") {
		t.Errorf("reload of other rules says %q", says)
	}
	f.edit(n, "ports: [80, 81, 7000]", "ports: [80, 7000]", "name: node2", "name: node8")
	if says := f.refuses(n, "reload"); !strings.Contains(says, "node.name: node8, was node2") {
		t.Errorf("reload of another node says %q", says)
	}
	f.edit(n, "name: node8", "name: node2", "run_dir:", "datapath: {offload: none}\nrun_dir:")
	if out := f.Thresher(n, "reload"); !strings.Contains(out, "by a restart in place:\n  datapath.offload: none, was full") {
		t.Errorf("reload of the datapath says %q", out)
	}
	weighs(40) // what an operator set goes on
	if s, err := f.Status(n); err != nil || s.Datapath.Offload != "none" {
		t.Errorf("offload is %s, %v", s.Datapath.Offload, err)
	}
	f.Thresher(n, "weight", "web", "--reset")
	weighs(60)
	k.end()
}

// TestOtherRulesNodeByNode gives all nodes another rule as the refusal of a reload
// says: one after the other. Connections go on; who has the new rules waits until
// nobody has the old ones.
func TestOtherRulesNodeByNode(t *testing.T) {
	t.Parallel()
	f := &testFarm{Farm: restartFarm(t, lab.FarmOptions{}).Farm}
	f.StartAll()
	k := f.talk(60)
	for i, n := range f.Nodes {
		f.edit(n, "default: deny", "  - {name: more, protocol: tcp, ports: [90]}\ndefault: deny")
		f.Thresher(n, "restart")
		if i < 2 {
			f.Eventually(10*time.Second, n.Name+" waits", func() bool {
				s, err := f.Status(n)
				return err == nil && s.State == console.Waiting && strings.Contains(s.Reason, "farm config differs")
			})
			f.Eventually(10*time.Second, "the last one shows who differs", func() bool {
				s, err := f.Status(f.Nodes[2])
				return err == nil && len(s.Differing()) == i+1
			})
		}
	}
	f.Converge(f.Nodes...)
	k.end()
	if got := f.rule(f.Nodes[2], "more"); got.Weight != config.DefaultWeight {
		t.Errorf("the new rule is %+v", got)
	}
}
