package service

import (
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

var usual = Params{Name: "nginx", StartTimeout: 30 * time.Second, StopTimeout: 10 * time.Second, MaxRestarts: 3, Within: time.Hour}

// apply does one word: an event, or a duration that passes.
func apply(t *testing.T, m *Machine, now *time.Time, word string) Command {
	t.Helper()
	switch word {
	case "want":
		return m.Want(*now)
	case "unwant":
		return m.Unwant(*now, false)
	case "force":
		return m.Unwant(*now, true)
	case "ok":
		return m.Ended(*now, m.under, "")
	case "err":
		return m.Ended(*now, m.under, "exit code 1")
	case "oldstart":
		return m.Ended(*now, Start, "")
	case "died":
		return m.Died(*now, "its process has ended")
	case "fail":
		return m.Fail(*now, "check http")
	case "pause", "resume":
		return m.Pause(*now, word == "pause")
	case "reset":
		m.Reset()
		return None
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(d)
	return m.Tick(*now)
}

// TestSequences: each step is a word, the command that must come of it (- is none)
// and the state after it.
func TestSequences(t *testing.T) {
	const up = "want start starting, ok - up, "
	const restarted = "stop stopping, ok start starting, ok - up, "
	for _, tt := range []struct{ name, steps string }{
		{"start", "want start starting, ok - up"},
		{"want twice", "want start starting, want - starting, ok - up, want - up"},
		{"stop", up + "unwant stop stopping, ok - stopped"},
		{"stop of what is stopped", "unwant - stopped, force - stopped"},
		{"stopped while it starts", "want start starting, unwant - starting, ok stop stopping, ok - stopped"},
		{"wanted while it stops", up + "unwant stop stopping, want - stopping, ok start starting, ok - up"},
		{"the latest wish counts", "want start starting, unwant - starting, want - starting, unwant - starting, ok stop stopping, ok - stopped"},
		{"the latest wish is to run", "want start starting, unwant - starting, want - starting, ok - up"},
		{"killed and restarted", up + "died " + restarted + "1s - up"},
		{"died when nobody wants it", up + "unwant stop stopping, died - stopping, ok - stopped"},
		{"a check has it restarted", up + "fail " + restarted + "1s - up"},
		{"a check fails while it is restarted", up + "fail stop stopping, fail - stopping, ok start starting, fail - starting, ok - up"},
		{"died while it is restarted", up + "fail stop stopping, died - stopping, ok start starting, ok - up"},
		{"stopped while it is restarted", up + "died stop stopping, unwant - stopping, ok - stopped"},
		{"wanted again while it is restarted", up + "died stop stopping, unwant - stopping, want - stopping, ok start starting, ok - up"},
		{"third failure is the end", up + "died " + restarted + "died " + restarted + "died stop stopping, ok - stopped, want - stopped"},
		{"reset after the end", up + "died " + restarted + "died " + restarted + "died stop stopping, ok - stopped, reset - stopped, want start starting, ok - up"},
		{"two failures, then the window is over", up + "died " + restarted + "died " + restarted + "1h - up, died " + restarted + "1s - up"},
		{"failures at the edge of the window count", up + "died " + restarted + "died " + restarted + "59m59s - up, died stop stopping, ok - stopped, want - stopped"},
		{"the first failure leaves the window", up + "died " + restarted + "30m - up, died " + restarted + "30m - up, died " + restarted + "1s - up"},
		{"does not start", "want start starting, err stop stopping, ok start starting, ok - up"},
		{"does never start", "want start starting, err stop stopping, ok start starting, err stop stopping, ok start starting, err stop stopping, ok - stopped"},
		{"starts too slowly", "want start starting, 30s force stop stopping, ok start starting, ok - up"},
		{"starts in the last moment", "want start starting, 29s - starting, ok - up, 1s - up"},
		{"the end of a start that was given up counts not", "want start starting, 30s force stop stopping, oldstart - stopping, ok start starting, ok - up"},
		{"does not stop when asked", up + "unwant stop stopping, err force stop stopping, ok - stopped"},
		{"does not stop in time", up + "unwant stop stopping, 10s force stop stopping, ok - stopped"},
		{"stops in the last moment", up + "unwant stop stopping, 9s - stopping, ok - stopped"},
		{"does not end by force either", up + "unwant stop stopping, 10s force stop stopping, 10s - stopped"},
		{"force does not ask", up + "force force stop stopping, ok - stopped"},
		{"force while it starts", "want start starting, force force stop stopping, ok - stopped"},
		{"force while it stops", up + "unwant stop stopping, force force stop stopping, ok - stopped"},
		{"force that fails is the end, too", up + "force force stop stopping, err - stopped"},
		{"in maintenance a death is left alone", up + "pause - up, died - down, 1h - down"},
		{"after maintenance it is restarted", up + "pause - up, died - down, resume stop stopping, ok start starting, ok - up"},
		{"in maintenance a check is left alone", up + "pause - up, fail - up"},
		{"in maintenance an operator stops it", up + "pause - up, unwant stop stopping, ok - stopped"},
		{"dead in maintenance, an operator stops it", up + "pause - up, died - down, unwant stop stopping, ok - stopped"},
		{"a death in maintenance is no failure", up + "pause - up, died - down, resume stop stopping, ok start starting, ok - up, died " + restarted + "died " + restarted + "1s - up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, now := New(usual), epoch
			for i, step := range strings.Split(tt.steps, ",") {
				words := strings.Fields(step)
				if len(words) == 0 {
					continue
				}
				want := strings.Join(words[1:], " ")
				c := apply(t, m, &now, words[0])
				state, _ := m.State()
				got := strings.ReplaceAll(c.String(), "none", "-") + " " + state.String()
				if got != want {
					t.Fatalf("step %d, %s: %s; want %s", i+1, words[0], got, want)
				}
			}
		})
	}
}

// TestGaveUp: the reason says how often and within what.
func TestGaveUp(t *testing.T) {
	m, now := New(usual), epoch
	for range 3 {
		m.Want(now)
		m.Ended(now, Start, "")
		if m.GaveUp() != "" {
			t.Fatal("given up too early: ", m.GaveUp())
		}
		m.Died(now, "its process has ended")
		m.Ended(now, Stop, "")
		m.Ended(now, Start, "")
	}
	if got, want := m.GaveUp(), "nginx failed 3 times in 1 h"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := m.Failures(now.Add(2 * time.Hour)); n != 3 {
		t.Errorf("%d failures are remembered while it is given up, want 3", n)
	}
	m.Reset()
	if m.GaveUp() != "" || m.Failures(now) != 0 {
		t.Error("reset forgets nothing")
	}
}

func TestAdopt(t *testing.T) {
	m := New(usual)
	m.Adopt([]time.Time{epoch, epoch})
	if s, _ := m.State(); s != Up {
		t.Fatalf("adopted as %v", s)
	}
	if c := m.Died(epoch.Add(time.Minute), "its process has ended"); c != Stop || m.GaveUp() == "" {
		t.Errorf("the third failure, after two of another process: %v, given up %q", c, m.GaveUp())
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24 h", 90 * time.Minute: "90 min", 30 * time.Second: "30 s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
