package farm

import (
	"testing"
	"time"

	"thresher/cluster"
	"thresher/console"
)

// step is one thing that the loop does to a life, and what it is asked next.
type step struct {
	do     string // start, stop, join, clear, block, told; or nothing
	at     int    // ms after the start
	state  console.NodeState
	phase  cluster.Phase
	serves bool
	reason string
}

const (
	testHold    = 250 * time.Millisecond
	farmDiffers = "web2: farm config differs"
	joining     = "joining the farm"
	byOperator  = "stopped by an operator"
)

func TestLife(t *testing.T) {
	const (
		starting, waiting = console.Starting, console.Waiting
		up, stopped       = console.Up, console.Stopped
	)
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"nothing is let in before it has joined and the others have been told for a while", []step{
			{"", 0, starting, cluster.Starting, false, joining},
			{"clear", 0, starting, cluster.Starting, false, joining},
			{"join", 10, starting, cluster.Starting, false, joining},
			{"clear", 10, up, cluster.Up, false, ""},
			{"", 10_000, up, cluster.Up, false, ""},
			{"told", 20, up, cluster.Up, false, ""},
			{"", 269, up, cluster.Up, false, ""},
			{"", 270, up, cluster.Up, true, ""},
			{"", 10_000, up, cluster.Up, true, ""},
		}},
		{"a node that differs waits, and serves when the cause is gone", []step{
			{"join", 0, starting, cluster.Starting, false, joining},
			{"block", 0, waiting, cluster.Starting, false, farmDiffers},
			{"told", 0, waiting, cluster.Starting, false, farmDiffers},
			{"", 10_000, waiting, cluster.Starting, false, farmDiffers},
			{"clear", 20_000, up, cluster.Up, false, ""},
			{"told", 20_000, up, cluster.Up, false, ""},
			{"", 20_250, up, cluster.Up, true, ""},
		}},
		{"who is up stays up: the newcomer yields", []step{
			{"join", 0, starting, cluster.Starting, false, joining},
			{"clear", 0, up, cluster.Up, false, ""},
			{"told", 0, up, cluster.Up, false, ""},
			{"block", 300, up, cluster.Up, true, ""},
		}},
		{"stop takes out at once, start holds back again", []step{
			{"join", 0, starting, cluster.Starting, false, joining},
			{"clear", 0, up, cluster.Up, false, ""},
			{"told", 0, up, cluster.Up, false, ""},
			{"", 300, up, cluster.Up, true, ""},
			{"stop", 300, stopped, cluster.Stopped, false, byOperator},
			{"told", 300, stopped, cluster.Stopped, false, byOperator},
			{"clear", 9_000, stopped, cluster.Stopped, false, byOperator},
			{"start", 9_000, starting, cluster.Starting, false, "started by an operator"},
			{"clear", 9_000, up, cluster.Up, false, ""},
			{"told", 9_000, up, cluster.Up, false, ""},
			{"", 9_249, up, cluster.Up, false, ""},
			{"", 9_250, up, cluster.Up, true, ""},
		}},
		{"stopped before it has joined stays stopped", []step{
			{"stop", 0, stopped, cluster.Stopped, false, byOperator},
			{"join", 10, stopped, cluster.Stopped, false, byOperator},
			{"clear", 10, stopped, cluster.Stopped, false, byOperator},
		}},
		{"started before it has joined waits for that", []step{
			{"stop", 0, stopped, cluster.Stopped, false, byOperator},
			{"start", 0, starting, cluster.Starting, false, "started by an operator"},
			{"clear", 10, starting, cluster.Starting, false, "started by an operator"},
			{"join", 20, starting, cluster.Starting, false, "started by an operator"},
			{"clear", 20, up, cluster.Up, false, ""},
		}},
		{"start of a node that is up changes nothing", []step{
			{"join", 0, starting, cluster.Starting, false, joining},
			{"clear", 0, up, cluster.Up, false, ""},
			{"told", 0, up, cluster.Up, false, ""},
			{"start", 300, up, cluster.Up, true, ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { live(t, tt.steps) })
	}
}

func live(t *testing.T, steps []step) {
	begin := time.Unix(1000, 0)
	l := newLife(testHold)
	for i, s := range steps {
		now := begin.Add(time.Duration(s.at) * time.Millisecond)
		switch s.do {
		case "start":
			l.start()
		case "stop":
			l.stop()
		case "join":
			l.join()
		case "clear":
			l.advance("")
		case "block":
			l.advance(farmDiffers)
		case "told":
			if wait := l.told(now); (wait == testHold) != (l.state == console.Up) {
				t.Errorf("step %d: %v to wait as %s", i, wait, l.state)
			}
		}
		if l.state != s.state || l.phase() != s.phase || l.serves(now) != s.serves || l.reason != s.reason {
			t.Fatalf("step %d (%s): %s, %v, serves %v, %q; want %s, %v, %v, %q", i, s.do,
				l.state, l.phase(), l.serves(now), l.reason, s.state, s.phase, s.serves, s.reason)
		}
	}
}
