package gate

import (
	"testing"
	"time"

	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// TestGains: what is newly let in or parked is known with its time for as long as
// packets may be older; what a node begins with is not.
func TestGains(t *testing.T) {
	g := newGateTest(t)
	const ms = confirm.Time(time.Millisecond)
	long := confirm.Time(pipeline.LotAge) + ms
	var all gains
	for _, step := range []struct {
		name   string
		after  confirm.Time
		taken  []int
		gained []int
		at     confirm.Time
	}{
		{"begins", 0, []int{1, 2}, nil, 0},
		{"the same", ms, []int{1, 2}, nil, 0},
		{"one more", ms, []int{1, 2, 3}, []int{3}, 1000 + 2*ms},
		{"another, soon", ms, []int{1, 2, 3, 4}, []int{3, 4}, 1000 + 3*ms},
		{"one fewer", ms, []int{1, 2, 4}, []int{3, 4}, 1000 + 3*ms},
		{"back again", ms, []int{1, 2, 3, 4}, []int{3, 4}, 1000 + 5*ms},
		{"later", long, []int{1, 2, 3, 4}, nil, 0},
		{"much later", long, []int{1, 2, 3, 4, 5}, []int{5}, 1000 + 5*ms + 2*long},
	} {
		g.now += step.after
		all.update(g.now, g.buckets(step.taken...))
		if !all.buckets.Equal(g.buckets(step.gained...)) || all.at != step.at {
			t.Errorf("%s: at %d, want %v at %d", step.name, all.at, step.gained, step.at)
		}
	}
}

// TestGateTellsOfGains: also those on ask count, and what goes from ask to let in is not
// gained twice.
func TestGateTellsOfGains(t *testing.T) {
	g := newGateTest(t)
	done := Surroundings{HandedOver: true}
	g.lets(2000, g.buckets(1), g.buckets(1), done)
	g.now = 5000
	g.lets(6000, g.buckets(1), g.buckets(1, 2), done)
	g.asked(2)
	g.same("gained", g.path.share.Rules[0].Gained, []int{2})
	g.now = 5500
	g.lets(6500, g.buckets(1, 2), g.buckets(1, 2), done)
	g.mine(1, 2)
	g.same("gained", g.path.share.Rules[0].Gained, []int{2})
	if at := g.path.share.GainedAt; at != 5000 {
		t.Errorf("gained at %d, want 5000", at)
	}
}
