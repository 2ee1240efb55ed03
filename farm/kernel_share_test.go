package farm

import (
	"testing"

	"thresher/config"
	"thresher/pipeline"
)

// TestTakesWhatWasAccepted: only a change by which the node accepts less has to
// wait for the packets in the kernel program.
func TestTakesWhatWasAccepted(t *testing.T) {
	rules, err := pipeline.Compile(nil, make([]config.Rule, 2), config.HashKey{}, kernelNIC)
	if err != nil {
		t.Fatal(err)
	}
	part := func(mine, ask, unsettled []uint16) *pipeline.Part {
		p := &pipeline.Part{}
		for set, buckets := range map[*pipeline.Bits][]uint16{&p.Mine: mine, &p.Ask: ask, &p.Unsettled: unsettled} {
			for _, b := range buckets {
				set.Set(b)
			}
		}
		return p
	}
	one := []uint16{77}
	nothing, mine, ask := part(nil, nil, nil), part(one, nil, nil), part(nil, one, nil)
	released := &pipeline.Part{Released: mine.Mine}
	unsettled, mineUnsettled := part(nil, nil, one), part(one, nil, one)
	for _, tt := range []struct {
		name      string
		old, next *pipeline.Part
		want      bool
	}{
		{"nothing to nothing", nothing, nothing, false},
		{"gained", nothing, mine, false},
		{"about to be gained", unsettled, ask, false},
		{"confirmed", ask, mineUnsettled, false},
		{"settled", mineUnsettled, mine, false},
		{"kept", mine, mine, false},
		{"lost", mine, nothing, true},
		{"lost, with flows", mine, unsettled, true},
		{"released", mine, released, true},
		{"released while unsettled", mineUnsettled, released, true},
		{"its new owner knows", released, unsettled, false},
		{"lost while unsettled", mineUnsettled, unsettled, true},
		{"others have flows now", mine, mineUnsettled, true},
		{"others' flows in others' buckets", nothing, unsettled, false},
	} {
		table := func(p *pipeline.Part) *pipeline.Table {
			return pipeline.NewTable(rules, &pipeline.Share{Rules: []*pipeline.Part{nothing, p}, Echo: nothing})
		}
		if got := takes(table(tt.old), table(tt.next)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	none := pipeline.NewTable(rules, nil)
	some := pipeline.NewTable(rules, &pipeline.Share{Rules: []*pipeline.Part{nothing, nothing}, Echo: nothing})
	if takes(none, some) || !takes(some, none) || takes(none, none) {
		t.Error("serving again has to wait, or ceasing to does not")
	}
}
