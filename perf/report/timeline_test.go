package report

import (
	"strings"
	"testing"
)

func TestStrips(t *testing.T) {
	timeline := func(served ...int) *Timeline {
		return &Timeline{FromMS: -1000, SlotMS: 1000, Begun: []int{4, 4, 4}, Served: served}
	}
	s := Scenario{Rows: []Row{
		{Title: "Thresher", Case: "crash", Timeline: timeline(4, 2, 4)},
		{Title: "other", Case: "crash", Timeline: timeline(4, 0, 0)},
		{Title: "no plot", Case: "crash"},
		{Title: "Thresher", Case: "drain", Timeline: timeline(4, 4, 4)},
	}}
	all := strips(s)
	if len(all) != 2 || len(all[0].Lines) != 2 || len(all[1].Lines) != 1 {
		t.Fatalf("%+v", all)
	}
	crash := all[0]
	if !crash.Lines[0].Ours || crash.Lines[1].Ours {
		t.Error("our own line is not marked alone")
	}
	for i, want := range []struct{ served, missed int }{{3, 1}, {1, 2}} {
		l := crash.Lines[i]
		if got := strings.Count(l.Served, "Z"); got != want.served {
			t.Errorf("line %d: %d bars served, want %d", i, got, want.served)
		}
		if got := strings.Count(l.Missed, "Z"); got != want.missed {
			t.Errorf("line %d: %d bars missed, want %d", i, got, want.missed)
		}
	}
	if all[1].Lines[0].Missed != "" {
		t.Error("the drain shows misses")
	}
	third := float64(chartWidth-labelWidth-20) / 3
	if got := crash.Event - labelWidth; got < third-1 || got > third+1 {
		t.Errorf("the event is at %v, want %v", got, third)
	}
	if len(crash.Ticks) != 4 || crash.Ticks[1].Text != "0 s" {
		t.Errorf("ticks %+v", crash.Ticks)
	}
	if crash.Lines[1].Y <= crash.Lines[0].Y || crash.Height <= crash.Lines[1].Bottom {
		t.Errorf("lines overlap: %+v", crash)
	}
}
