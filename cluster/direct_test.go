package cluster

import (
	"testing"
	"time"
)

// Who answers no probe of this node's for eight rounds, and three seconds, is out of
// its reach; who answers again is not.
func TestDirectReach(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		name     string
		members  int
		patience time.Duration
	}{
		{"few members: three seconds", 2, 3 * time.Second},
		{"many: eight rounds", 20, 8 * 20 * 150 * time.Millisecond},
	} {
		d := newDirect()
		d.interval = 150 * time.Millisecond
		for i := range c.members {
			d.note(string(rune('a'+i)), true, start)
		}
		at := start.Add(time.Second)
		d.answer("b", at)
		d.note("b", true, at.Add(time.Second)) // other news of it
		for _, step := range []struct {
			at   time.Time
			want bool
		}{{at.Add(c.patience - time.Millisecond), true}, {at.Add(c.patience), false}} {
			if got := d.reaches("b", step.at); got != step.want {
				t.Errorf("%s: %v after its answer: %v, want %v", c.name, step.at.Sub(at), got, step.want)
			}
		}
		later := at.Add(time.Hour)
		d.answer("b", later)
		if !d.reaches("b", later) {
			t.Errorf("%s: out of reach when it answers again", c.name)
		}
		d.note("b", false, later)
		d.answer("b", later) // late, of one that is dead
		if !d.reaches("b", later.Add(time.Hour)) {
			t.Errorf("%s: a dead node is said to be relayed", c.name)
		}
	}
}
