package division

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/pipeline"
)

// viewOf is a view of nodes web1, web2 ... with these weights each.
func viewOf(weights ...[]uint8) cluster.View {
	nodes := make([]cluster.Node, len(weights))
	for i, w := range weights {
		nodes[i] = cluster.Node{Name: fmt.Sprintf("web%d", i+1), Weights: w}
	}
	return cluster.View{ID: confirm.ViewID(len(nodes)), Nodes: nodes}
}

// rulesOf are so many rules, of which only the number counts.
func rulesOf(n int) []config.Rule {
	rules := make([]config.Rule, n)
	for i := range rules {
		rules[i].Name = fmt.Sprintf("rule%d", i)
	}
	return rules
}

// Every bucket of every rule, and of ICMP echo, belongs to the one node that the
// cluster's table says, and to nobody where no node has a weight.
func TestDivisionIsTheClustersTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		view cluster.View
		none []int // rules that nobody serves
	}{
		{"three alike", viewOf([]uint8{100, 100}, []uint8{100, 100}, []uint8{100, 100}), nil},
		{"weights by rule", viewOf([]uint8{100, 10}, []uint8{50, 20}, []uint8{0, 30}), nil},
		{"one alone", viewOf([]uint8{100, 100}), nil},
		{"a rule without servers", viewOf([]uint8{100, 0}, []uint8{100, 0}), []int{1}},
		{"a node with fewer rules", viewOf([]uint8{100, 100}, []uint8{100}), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Divider{Rules: rulesOf(2)}
			d := s.Divide(tt.view)
			for rule := range 3 {
				weights := tt.view.Weights(rule)
				if rule == 2 { // ICMP echo
					weights = make([]uint8, len(weights))
					for i := range weights {
						weights[i] = echoWeight
					}
				}
				checkRule(t, d, rule, new(cluster.Assigner).Assign(tt.view.Names(), weights))
			}
			for _, rule := range tt.none {
				if got := d.Owner(rule, 17); got != "" {
					t.Errorf("rule %d is served by %s", rule, got)
				}
			}
		})
	}
}

// checkRule holds the nodes' bucket sets against the table. The last rule is ICMP
// echo.
func checkRule(t *testing.T, d Division, rule int, table *cluster.Table) {
	t.Helper()
	counts := make([]int, len(d.View.Nodes))
	ids := RuleIDs(rulesOf(len(d.Tables) - 1))
	for n, node := range d.View.Nodes {
		bits := d.Of(node.Name, ids).Of(ids[rule])
		for b := range pipeline.Buckets {
			mine := table[b] == uint8(n)
			if mine != (bits != nil && bits.Has(b)) {
				t.Fatalf("rule %d, bucket %d: %s has it: %v, the table says %v", rule, b, node.Name, !mine, mine)
			}
			if mine {
				counts[n]++
			}
		}
	}
	if diff := cmp.Diff(counts, d.Counts(rule)); diff != "" {
		t.Errorf("rule %d (-want +got):\n%s", rule, diff)
	}
	owned, sum := 0, 0
	for _, owner := range table {
		if owner != cluster.NoOwner {
			owned++
		}
	}
	for _, n := range counts {
		sum += n
	}
	if sum != owned || owned != 0 && owned != pipeline.Buckets {
		t.Errorf("rule %d: the nodes have %d buckets of %d", rule, sum, owned)
	}
}

// Rules with the same weights share one bucket set, so that 256 of them cost no
// more memory than one.
func TestRulesWithTheSameWeightsShareTheirSet(t *testing.T) {
	s := Divider{Rules: rulesOf(3)}
	ids := RuleIDs(s.Rules)
	own := s.Divide(viewOf([]uint8{100, 50, 100}, []uint8{100, 100, 100})).Of("web1", ids)
	first := own.Of(ids[0])
	if first == nil || first != own.Of(ids[2]) || first != own.Of(ids[3]) || first == own.Of(ids[1]) {
		t.Errorf("bitmaps %p, %p, %p, echo's %p", first, own.Of(ids[1]), own.Of(ids[2]), own.Of(ids[3]))
	}
}

// One node serves all of a rule with mode single, and nobody any of one with mode
// block, whatever the weights.
func TestDivisionMindsTheMode(t *testing.T) {
	s := Divider{Rules: rulesOf(3)}
	s.Rules[1].Mode, s.Rules[2].Mode = config.ModeSingle, config.ModeBlock
	d := s.Divide(viewOf([]uint8{10, 10, 10}, []uint8{10, 51, 10}, []uint8{10, 10, 10}))
	for rule, want := range map[int][]int{1: {0, pipeline.Buckets, 0}, 2: {0, 0, 0}} {
		if diff := cmp.Diff(want, d.Counts(rule)); diff != "" {
			t.Errorf("rule %d (-want +got):\n%s", rule, diff)
		}
	}
	if shared := d.Counts(0); shared[0] == 0 || shared[1] == 0 || shared[2] == 0 {
		t.Errorf("the shared rule is divided %v", shared)
	}
}

func TestStrangersAndAnEmptyFarmHaveNoShare(t *testing.T) {
	s := Divider{Rules: rulesOf(1)}
	if got := s.Divide(viewOf([]uint8{100})).Of("web9", RuleIDs(s.Rules)); !got.Empty() {
		t.Errorf("a node that is not in the view has %v", got)
	}
	d := s.Divide(cluster.View{})
	if got := d.Of("web1", RuleIDs(s.Rules)); !got.Empty() {
		t.Errorf("in a farm without nodes, web1 has %v", got)
	}
	if got := d.Owner(0, 17); got != "" || len(d.Counts(0)) != 0 {
		t.Errorf("in a farm without nodes, %q owns a bucket, counts %v", got, d.Counts(0))
	}
}

// A node that leaves gives its buckets away, and nobody else's move.
func TestOnlyTheBucketsOfALostNodeMove(t *testing.T) {
	s := Divider{Rules: rulesOf(1)}
	three := s.Divide(viewOf([]uint8{100}, []uint8{100}, []uint8{100}))
	two := s.Divide(viewOf([]uint8{100}, []uint8{100}))
	moved := 0
	for b := range pipeline.Buckets {
		old, now := three.Owner(0, uint16(b)), two.Owner(0, uint16(b))
		if old != now {
			moved++
		}
		if old != "web3" && old != now {
			t.Fatalf("bucket %d went from %s to %s", b, old, now)
		}
	}
	if want := three.Counts(0)[2]; moved != want {
		t.Errorf("%d buckets moved, web3 had %d", moved, want)
	}
}
