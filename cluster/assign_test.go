package cluster

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slowAssign is Assign's definition, bucket by bucket and with exact fractions.
func slowAssign(names []string, weights []uint8) *Table {
	columns := make([]*column, len(names))
	for i, n := range names {
		columns[i] = newColumn(n)
	}
	t := new(Table)
	for b := range t {
		t[b] = slowOwner(names, weights, columns, b)
	}
	return t
}

func slowOwner(names []string, weights []uint8, columns []*column, b int) uint8 {
	owner, best := NoOwner, new(big.Rat)
	for i := range min(len(names), len(weights)) {
		if weights[i] == 0 {
			continue
		}
		score := big.NewRat(int64(weights[i]), int64(columns[i][b]))
		c := score.Cmp(best)
		if owner == NoOwner || c > 0 || c == 0 && names[i] < names[owner] {
			owner, best = i, score
		}
	}
	return uint8(owner)
}

func sameTable(t *testing.T, got, want *Table) {
	t.Helper()
	for b := range want {
		if got[b] != want[b] {
			t.Fatalf("bucket %d: owner %d, want %d", b, got[b], want[b])
		}
	}
}

func count(t *Table) (n [256]int) {
	for _, owner := range t {
		n[owner]++
	}
	return n
}

// TestDrawsBeforehand: who was drawn beforehand owns what he would own.
func TestDrawsBeforehand(t *testing.T) {
	var plain, prepared Assigner
	names := nodeNames(4)
	for _, n := range names[1:] {
		prepared.Add(Draw(n))
	}
	sameTable(t, prepared.Assign(names, equal(4, 100)), plain.Assign(names, equal(4, 100)))
	prepared.Add(Draw(names[0]))
	sameTable(t, prepared.Assign(names, equal(4, 50)), plain.Assign(names, equal(4, 50)))
}

func nodeNames(n int) []string { return View{Nodes: farmOf(n)}.Names() }

func equal(n int, w uint8) []uint8 { return slices.Repeat([]uint8{w}, n) }

func TestAssignAgreesWithReference(t *testing.T) {
	for _, tc := range []struct {
		name    string
		names   []string
		weights []uint8
	}{
		{"nobody", nil, nil},
		{"one", []string{"a"}, []uint8{100}},
		{"three", []string{"a", "b", "c"}, []uint8{100, 100, 100}},
		{"weights", []string{"a", "b", "c", "d"}, []uint8{1, 100, 37, 255}},
		{"a zero", []string{"a", "b", "c"}, []uint8{100, 0, 100}},
		{"all zero", []string{"a", "b"}, []uint8{0, 0}},
		{"a weight missing", []string{"a", "b", "c"}, []uint8{100, 100}},
		{"not in order", []string{"c", "a", "b"}, []uint8{10, 20, 30}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sameTable(t, new(Assigner).Assign(tc.names, tc.weights), slowAssign(tc.names, tc.weights))
		})
	}
}

// TestAssignTie checks that equal scores go to the smaller name, whichever order
// the names come in. A column against itself ties everywhere.
func TestAssignTie(t *testing.T) {
	for _, names := range [][]string{{"a", "b"}, {"b", "a"}} {
		shared := newColumn("x")
		a := Assigner{columns: map[string]*cachedColumn{"a": {column: shared}, "b": {column: shared}}}
		if got := count(a.Assign(names, []uint8{5, 5})); got[slices.Index(names, "a")] != Buckets {
			t.Errorf("%v: counts %v, want all a's", names, got[:2])
		}
	}
}

// TestAssignGolden pins the algorithm: nodes of two releases in one farm must
// get the same table. The values were computed a second time by a program in
// another language, with exact fractions.
func TestAssignGolden(t *testing.T) {
	table := new(Assigner).Assign([]string{"web1", "web2", "web3"}, []uint8{100, 100, 50})
	got := map[int]uint8{}
	for _, b := range []int{0, 5, 7, 8, 9, 10, 11, 1000, 4711, 21845, 32768, 50000, 65534, 65535} {
		got[b] = table[b]
	}
	want := map[int]uint8{
		0: 1, 5: 2, 7: 1, 8: 0, 9: 1, 10: 0, 11: 2, 1000: 2, 4711: 2,
		21845: 2, 32768: 1, 50000: 0, 65534: 1, 65535: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	n := count(table)
	if diff := cmp.Diff([]int{26273, 26188, 13075}, n[:3]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// moves tells by which node each bucket went from one table to another, as
// pairs of names.
func moves(from []string, before *Table, to []string, after *Table) map[[2]string]int {
	name := func(names []string, i uint8) string {
		if i == NoOwner {
			return ""
		}
		return names[i]
	}
	m := map[[2]string]int{}
	for b := range before {
		if was, is := name(from, before[b]), name(to, after[b]); was != is {
			m[[2]string{was, is}]++
		}
	}
	return m
}

// TestMinimalMovement changes random farms in every way and checks that the
// only buckets that move are those that the changed node gives or takes.
func TestMinimalMovement(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a Assigner
	all := nodeNames(12)
	for range 40 {
		names := slices.Clone(all[:2+rng.IntN(10)])
		weights := make([]uint8, len(names))
		for i := range weights {
			weights[i] = uint8(rng.UintN(101))
		}
		before := a.Assign(names, weights)
		i := rng.IntN(len(names))

		raised := slices.Clone(weights)
		raised[i] = min(100, raised[i]+uint8(1+rng.UintN(50)))
		after := a.Assign(names, raised)
		onlyTo(t, names[i], moves(names, before, names, after))
		onlyFrom(t, names[i], moves(names, after, names, before))

		fewer := slices.Delete(slices.Clone(names), i, i+1)
		fewerWeights := slices.Delete(slices.Clone(weights), i, i+1)
		after = a.Assign(fewer, fewerWeights)
		onlyFrom(t, names[i], moves(names, before, fewer, after))
		onlyTo(t, names[i], moves(fewer, after, names, before))
	}
}

func onlyTo(t *testing.T, name string, m map[[2]string]int) {
	t.Helper()
	for move, n := range m {
		if move[1] != name {
			t.Errorf("%d buckets moved from %q to %q, only %q may gain", n, move[0], move[1], name)
		}
	}
}

func onlyFrom(t *testing.T, name string, m map[[2]string]int) {
	t.Helper()
	for move, n := range m {
		if move[0] != name {
			t.Errorf("%d buckets moved from %q to %q, only %q may lose", n, move[0], move[1], name)
		}
	}
}

// randomNames are names as people give them and as clouds do.
func randomNames(rng *rand.Rand, n int) []string {
	names := make([]string, n)
	for i := range names {
		if i%2 == 0 {
			names[i] = fmt.Sprintf("web%d", i)
		} else {
			names[i] = fmt.Sprintf("ip-10-%d-%d-%d.internal", rng.UintN(256), rng.UintN(256), i)
		}
	}
	return names
}

// TestBalance draws 1,000 random farms with equal weights, half up to 8 nodes
// and half up to 32, and holds the worst node of each to DESIGN §3's bounds
// relative to the ideal share.
func TestBalance(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	farms := 500
	if raceEnabled {
		farms = 10
	}
	pool := randomNames(rng, 100)
	columns := map[string]*cachedColumn{}
	for _, n := range pool {
		columns[n] = &cachedColumn{column: newColumn(n)}
	}
	for _, tc := range []struct {
		least, most int
		bound       float64
	}{{2, 8, 0.04}, {9, 32, 0.08}} {
		var worst []float64
		for range farms {
			n := tc.least + rng.IntN(tc.most-tc.least+1)
			rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
			farm := Assigner{columns: maps.Clone(columns)}
			worst = append(worst, imbalance(farm.compute(pool[:n], equal(n, 100)), n))
		}
		slices.Sort(worst)
		t.Logf("up to %d nodes: worst node off by %.2f %% (median %.2f %%)",
			tc.most, 100*worst[len(worst)-1], 100*worst[len(worst)/2])
		if got := worst[len(worst)-1]; got > tc.bound {
			t.Errorf("up to %d nodes: a node is %.2f %% off its share, want at most %.0f %%", tc.most, 100*got, 100*tc.bound)
		}
	}
}

// imbalance is how far the worst of n equal nodes is from its ideal share.
func imbalance(t *Table, n int) float64 {
	ideal, counts := float64(Buckets)/float64(n), count(t)
	worst := 0.0
	for _, c := range counts[:n] {
		worst = max(worst, float64(c)/ideal-1, 1-float64(c)/ideal)
	}
	return worst
}

// TestWeightedShares checks that a node's part is its weight's part, within five
// standard deviations of a binomial draw.
func TestWeightedShares(t *testing.T) {
	for _, weights := range [][]uint8{{100, 50}, {100, 50, 25, 1}, {1, 1, 1, 97}, {255, 1}, {100, 0, 100}} {
		total := 0
		for _, w := range weights {
			total += int(w)
		}
		counts := count(new(Assigner).Assign(nodeNames(len(weights)), weights))
		for i, w := range weights {
			p := float64(w) / float64(total)
			off := float64(counts[i]) - p*Buckets
			if off*off > 25*Buckets*p*(1-p) {
				t.Errorf("weights %v: node %d owns %d, want %.0f", weights, i, counts[i], p*Buckets)
			}
		}
	}
}

// TestAssignShares checks that the same question has one table, and that another
// question never gets it.
func TestAssignShares(t *testing.T) {
	var a Assigner
	one := a.Assign([]string{"a", "b"}, []uint8{1, 2})
	if a.Assign([]string{"a", "b"}, []uint8{1, 2}) != one {
		t.Error("two rules with the same weights do not share a table")
	}
	if a.Assign([]string{"a", "b"}, []uint8{2, 1}) == one || a.Assign([]string{"ab"}, []uint8{1, 2}) == one {
		t.Error("different questions share a table")
	}
}

// TestAssignerForgets checks that neither columns nor tables pile up, and that
// what is in use stays.
func TestAssignerForgets(t *testing.T) {
	var a Assigner
	shared := newColumn("any")
	for i := range 3 * maxTables {
		name := fmt.Sprintf("node%d", i)
		if a.columns == nil {
			a.columns = map[string]*cachedColumn{}
		}
		a.columns[name] = &cachedColumn{column: shared, used: a.calls} // spares computing 768
		a.Assign([]string{"stays", name}, []uint8{1, 1})
	}
	if len(a.columns) > maxColumns || len(a.tables) > maxTables {
		t.Errorf("%d columns and %d tables, want at most %d and %d", len(a.columns), len(a.tables), maxColumns, maxTables)
	}
	if a.columns["stays"] == nil {
		t.Error("the column in use was dropped")
	}
}

// FuzzAssign holds Assign against the reference with any weights and names.
func FuzzAssign(f *testing.F) {
	f.Add("web1 web2 web3", []byte{100, 100, 100})
	f.Add("b a", []byte{0, 255})
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, text string, weights []byte) {
		names := slices.Compact(slices.Sorted(slices.Values(strings.Fields(text))))
		names = names[:min(len(names), 6)] // the reference is slow
		fast := new(Assigner).Assign(names, weights)
		columns := make([]*column, len(names))
		for i, n := range names {
			columns[i] = newColumn(n)
		}
		for b := 0; b < Buckets; b += 257 {
			if want := slowOwner(names, weights, columns, b); fast[b] != want {
				t.Fatalf("%q %v: bucket %d: owner %d, want %d", names, weights, b, fast[b], want)
			}
		}
	})
}

// BenchmarkAssign is what a view change costs for each distinct weight vector.
func BenchmarkAssign(b *testing.B) {
	for _, n := range []int{3, 32} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			var a Assigner
			names, weights := nodeNames(n), equal(n, 100)
			a.Assign(names, weights)
			b.ReportAllocs()
			for b.Loop() {
				a.compute(names, weights)
			}
		})
	}
}
