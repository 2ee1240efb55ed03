package confirmation

import (
	"testing"

	"thresher/cluster"
	"thresher/farm/division"
	"thresher/pipeline"
)

// TestOwnersOf: a bucket goes to one node where all divisions say so, and no other
// has flows.
func TestOwnersOf(t *testing.T) {
	before, after := &cluster.Table{}, &cluster.Table{}
	for b := range before {
		before[b], after[b] = uint8(b%3), uint8(b%3)
	}
	after[4], before[9], after[9] = 2, cluster.NoOwner, cluster.NoOwner
	c := &Confirmation{self: "web1", warned: []change{{name: "web3", leaves: true}}}
	d := &division.Division{View: cluster.View{Nodes: []cluster.Node{{Name: "web1"}, {Name: "web2"}, {Name: "web3"}}}}
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
