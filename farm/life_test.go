package farm

import (
	"strings"
	"testing"
	"time"

	"thresher/cluster"
	"thresher/cluster/confirm"
	"thresher/console"
)

// step is one thing that the loop does to a life, and what it is asked next.
type step struct {
	// start, stop, drain (with a deadline of 5 s: drain5s), drained, join, cut, link;
	// shut and open are what a check says;
	// clear and block are what the farm allows; a duration passes
	do     string
	at     confirm.Phase
	state  console.NodeState
	phase  cluster.Phase
	takes  bool
	reason string
}

const (
	noAddress   = "eth0 has no IPv4 address"
	netFlaps    = "this machine's network comes and goes: held back until 12:00:01"
	farmDiffers = "web2: farm config differs"
	joining     = "joining the farm"
	asking      = "asking check answers"
	byOperator  = "stopped by an operator"
	drains      = "drained by an operator"
	started     = "started by an operator"
)

func TestLife(t *testing.T) {
	const (
		starting, waiting = console.Starting, console.Waiting
		up, stopped       = console.Up, console.Stopped
		draining          = console.Draining

		cold, warm, gone = confirm.Starting, confirm.Up, confirm.Leaving
	)
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"up when it has joined and the confirmation says so", []step{
			{"", cold, starting, cluster.Starting, false, joining},
			{"clear", cold, starting, cluster.Starting, false, joining},
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", cold, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"a node that differs waits, and takes part when the cause is gone", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"block", cold, waiting, cluster.Waiting, false, farmDiffers},
			{"block", gone, waiting, cluster.Waiting, false, farmDiffers},
			{"clear", gone, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"a node whose machine is unfit waits, and is back at once", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"unfit", warm, up, cluster.Up, true, ""},
			{"clear", warm, waiting, cluster.Waiting, false, noAddress},
			{"clear", gone, waiting, cluster.Waiting, false, noAddress},
			{"fit", gone, waiting, cluster.Waiting, false, noAddress},
			{"clear", gone, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"an address that comes and goes holds the node back; going with the carrier, it does so once", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"cut", warm, up, cluster.Up, true, ""},
			{"unfit", warm, up, cluster.Up, true, ""},
			{"clear", warm, waiting, cluster.Waiting, false, reasonCut},
			{"link", gone, waiting, cluster.Waiting, false, reasonCut},
			{"fit", gone, waiting, cluster.Waiting, false, reasonCut},
			{"clear", warm, up, cluster.Up, true, ""},
			{"unfit", warm, up, cluster.Up, true, ""},
			{"clear", warm, waiting, cluster.Waiting, false, noAddress},
			{"fit", gone, waiting, cluster.Waiting, false, noAddress},
			{"clear", gone, waiting, cluster.Waiting, false, netFlaps},
			{"1s", gone, waiting, cluster.Waiting, false, netFlaps},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"who is up stays up: the newcomer yields", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"block", warm, up, cluster.Up, true, ""},
		}},
		{"stop takes out at once, start begins anew", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"stop", warm, stopped, cluster.Stopped, false, byOperator},
			{"clear", gone, stopped, cluster.Stopped, false, byOperator},
			{"drained", gone, stopped, cluster.Stopped, false, byOperator},
			{"start", gone, starting, cluster.Starting, true, started},
			{"clear", cold, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"drain takes out at once and ends as stopped", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"drain", warm, draining, cluster.Draining, false, drains},
			{"clear", gone, draining, cluster.Draining, false, drains},
			{"drained", gone, stopped, cluster.Stopped, false, drains + ": no flow is left"},
			{"drain", gone, stopped, cluster.Stopped, false, drains + ": no flow is left"},
			{"start", gone, starting, cluster.Starting, true, started},
		}},
		{"a draining node is started again", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"drain", warm, draining, cluster.Draining, false, drains},
			{"start", gone, starting, cluster.Starting, true, started},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"a drain ends with its deadline", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"drain5s", warm, draining, cluster.Draining, false, drains},
			{"4s", warm, draining, cluster.Draining, false, drains},
			{"clear", gone, draining, cluster.Draining, false, drains},
			{"1s", gone, draining, cluster.Draining, false, drains},
			{"clear", gone, stopped, cluster.Stopped, false, drains + ": its deadline has passed"},
		}},
		{"a drain with a deadline lasts for a day if there is a stream for so long", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"drain24h", warm, draining, cluster.Draining, false, drains},
			{"23h59m59s", gone, draining, cluster.Draining, false, drains},
			{"clear", gone, draining, cluster.Draining, false, drains},
			{"1s", gone, draining, cluster.Draining, false, drains},
			{"clear", gone, stopped, cluster.Stopped, false, drains + ": its deadline has passed"},
		}},
		{"a drain without a deadline lasts as long as a stream", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"drain", warm, draining, cluster.Draining, false, drains},
			{"240h", gone, draining, cluster.Draining, false, drains},
			{"clear", gone, draining, cluster.Draining, false, drains},
			{"drained", gone, stopped, cluster.Stopped, false, drains + ": no flow is left"},
		}},
		{"a node without a link waits, for longer each time", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"cut", warm, up, cluster.Up, true, ""},
			{"clear", warm, waiting, cluster.Waiting, false, reasonCut},
			{"link", gone, waiting, cluster.Waiting, false, reasonCut},
			{"clear", gone, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
			{"cut", warm, up, cluster.Up, true, ""},
			{"clear", warm, waiting, cluster.Waiting, false, reasonCut},
			{"link", gone, waiting, cluster.Waiting, false, reasonCut},
			{"clear", gone, waiting, cluster.Waiting, false, netFlaps},
			{"1s", gone, waiting, cluster.Waiting, false, netFlaps},
			{"clear", gone, starting, cluster.Starting, true, reasonConfirming},
		}},
		{"stopped before it has joined stays stopped", []step{
			{"stop", cold, stopped, cluster.Stopped, false, byOperator},
			{"join", cold, stopped, cluster.Stopped, false, byOperator},
			{"clear", cold, stopped, cluster.Stopped, false, byOperator},
		}},
		{"what it waited for before it looked for the farm is forgotten", []step{
			{"shut", cold, starting, cluster.Starting, false, joining},
			{"clear", cold, starting, cluster.Starting, false, asking},
			{"open", cold, starting, cluster.Starting, false, asking},
			{"clear", cold, starting, cluster.Starting, false, joining},
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"a process taken for its predecessor begins anew", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"clear", cold, starting, cluster.Starting, true, reasonConfirming},
			{"clear", warm, up, cluster.Up, true, ""},
		}},
		{"start of a node that is up changes nothing", []step{
			{"join", cold, starting, cluster.Starting, true, joining},
			{"clear", warm, up, cluster.Up, true, ""},
			{"start", warm, up, cluster.Up, true, ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { live(t, tt.steps) })
	}
}

func live(t *testing.T, steps []step) {
	l, now := newLife(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i, s := range steps {
		switch s.do {
		case "start":
			l.start(actionStart)
		case "stop":
			l.stop(actionStop)
		case "drain":
			l.drain(now, 0, actionDrain)
		case "drain5s", "drain24h":
			deadline := duration(t, strings.TrimPrefix(s.do, "drain"))
			l.drain(now, deadline, actionDrain)
			if due := l.due(now); !due.Equal(now.Add(deadline)) {
				t.Errorf("step %d (%s): looked at again at %v", i, s.do, due)
			}
		case "drained":
			l.drained("no flow is left")
		case "join":
			l.join()
		case "shut":
			l.shut = asking
		case "open":
			l.shut = ""
		case "cut", "link":
			l.link(now, s.do == "link")
		case "unfit":
			l.fit(now, noAddress)
		case "fit":
			l.fit(now, "")
		case "clear":
			l.advance(now, "", s.at)
		case "block":
			l.advance(now, farmDiffers, s.at)
		case "":
		default:
			now = now.Add(duration(t, s.do))
		}
		if l.state != s.state || l.phase() != s.phase || l.takesPart() != s.takes || l.reason != s.reason {
			t.Fatalf("step %d (%s): %s, %v, takes part %v, %q; want %s, %v, %v, %q", i, s.do,
				l.state, l.phase(), l.takesPart(), l.reason, s.state, s.phase, s.takes, s.reason)
		}
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDamper: each coming back within ten minutes is held back for longer, up to
// a minute, and a quiet time is forgiven.
func TestDamper(t *testing.T) {
	var d damper
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i, want := range []int{0, 1, 2, 4, 8, 16, 32, 60, 60} {
		if got := d.comeBack(now); got != time.Duration(want)*time.Second {
			t.Errorf("comeback %d is held back for %v, want %d s", i+1, got, want)
		}
		now = now.Add(5 * time.Second)
	}
	if got := d.comeBack(now.Add(damperWindow + time.Second)); got != 0 {
		t.Errorf("after a quiet time held back for %v", got)
	}
}
