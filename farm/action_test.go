package farm

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/cluster/confirm"
	"thresher/config"
	"thresher/console"
	health "thresher/health/life"
)

// happens does one word to a life: an operator's, what the link, the farm, or services and
// checks say, or a duration that passes.
func happens(t *testing.T, l *life, now *time.Time, word string) {
	t.Helper()
	obstacle, phase := "", confirm.Up
	switch word {
	case "join":
		l.join()
	case "stop":
		l.windUp(*now, 0)
	case "windup":
		l.windUp(*now, time.Minute)
	case "forcestop":
		l.stop(actionForceStop)
	case "drain", "cordon":
		l.drain(*now, 0, action(word))
	case "drained":
		l.drained("no connection is left")
	case "start", "uncordon":
		l.start(action(word))
	case "reset":
		l.reset(kept{})
	case "cut", "link":
		l.link(*now, word == "link")
	case "refused":
		obstacle, phase = farmDiffers, confirm.Starting
	case "taken":
		phase = confirm.Starting
	case "works":
		l.shut, l.waits = "", false
	case "waits":
		l.shut, l.shutBy, l.waits = "check g", action(health.CauseWait), true
	case "asks", "stopstart":
		l.shut, l.shutBy, l.waits = "starting nginx", action(health.CauseStopstart), false
	case "failstop", "maxloop":
		l.halt("check z", action(word))
	case "boots":
		l.boots = now.Add(time.Minute)
	case "ends":
		l.halt("the daemon ends", actionShutdown)
	default:
		*now = now.Add(duration(t, word))
	}
	l.advance(*now, obstacle, phase)
}

// TestActions: each step is what happens, and after a colon the node's state and what has
// brought it there.
func TestActions(t *testing.T) {
	const up = "join: up by boot; "
	for _, tt := range []struct{ name, steps string }{
		{"a boot", "asks: starting by boot; join: starting by boot; works: up by boot"},
		{"a boot that has to wait", "join: up by boot; waits: waiting by wait; asks: starting by wakeup; works: up by wakeup"},
		{"held back since the boot", "boots: waiting by boot; join: waiting by boot; 1m: up by boot"},
		{"held back, and started", "boots: waiting by boot; join: waiting by boot; start: up by start"},
		{"stop and start", up + "stop: stopped by stop; start: up by start"},
		{"a stop that lets connections end", up + "windup: draining by stop; 1m: stopped by stop"},
		{"by force while it drains", up + "drain: draining by drain; forcestop: stopped by forcestop"},
		{"drain", up + "drain: draining by drain; drained: stopped by drain; asks: stopped by drain; start: starting by start; works: up by start"},
		{"started while it drains", up + "drain: draining by drain; start: up by start"},
		{"cordon", up + "cordon: draining by cordon; drained: stopped by cordon; uncordon: up by uncordon"},
		{"start of what is up", up + "start: up by boot"},
		{"a check has it wait", up + "waits: waiting by wait; waits: waiting by wait; asks: starting by wakeup; works: up by wakeup"},
		{"waits, and an operator starts it", up + "waits: waiting by wait; works: up by wakeup; waits: waiting by wait; start: waiting by wait"},
		{"a check has it stop and start", up + "stopstart: starting by stopstart; works: up by stopstart"},
		{"it waits when it has stopped for a start", up + "stopstart: starting by stopstart; waits: waiting by wait; works: up by wakeup"},
		{"a check stops it", up + "failstop: stopped by failstop; start: up by start"},
		{"a service fails too often", up + "maxloop: stopped by maxloop; reset: up by reset"},
		{"stopped already", up + "stop: stopped by stop; maxloop: stopped by stop"},
		{"fails while it drains", up + "drain: draining by drain; maxloop: stopped by maxloop"},
		{"no carrier", up + "cut: waiting by link; link: up by wakeup"},
		{"a carrier that comes and goes", up + "cut: waiting by link; link: up by wakeup; cut: waiting by link; link: waiting by link; 1s: up by wakeup"},
		{"the farm has another configuration", "join: up by boot; taken: starting by rejoin; refused: waiting by refused; join: up by wakeup"},
		{"taken for an earlier process", up + "taken: starting by rejoin; join: up by rejoin"},
		{"the daemon ends", up + "ends: stopped by shutdown"},
		{"the daemon of a stopped node ends", up + "stop: stopped by stop; ends: stopped by stop"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, now := newLife(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
			for i, step := range strings.Split(tt.steps, "; ") {
				word, want, _ := strings.Cut(step, ": ")
				if word == "" {
					continue
				}
				happens(t, &l, &now, word)
				if got := string(l.state) + " by " + string(l.action); got != want {
					t.Fatalf("step %d, %s: %s, want %s", i+1, word, got, want)
				}
			}
		})
	}
}

// TestActionsAreHandedOn: a drain that goes on in another process ends by what began it.
func TestActionsAreHandedOn(t *testing.T) {
	l := newLife()
	l.drain(time.Now(), 0, actionCordon)
	next := handLife(l).life()
	next.drained("no connection is left")
	if next.action != actionCordon {
		t.Errorf("by %s", next.action)
	}
}

// TestBootDelayIsHandedOn: a restart in place does not end it.
func TestBootDelayIsHandedOn(t *testing.T) {
	l, now := newLife(), time.Now()
	happens(t, &l, &now, "boots")
	next := handLife(l).life()
	happens(t, &next, &now, "join")
	if next.state != console.Waiting || next.action != actionBoot {
		t.Errorf("%s by %s: %s", next.state, next.action, next.reason)
	}
	if happens(t, &next, &now, "1m"); next.state != console.Up {
		t.Errorf("a minute later %s: %s", next.state, next.reason)
	}
}

// TestHookIsToldOfActions: a real program has each change with what it was, what it is
// and what has brought it there; what is worth a warning says so.
func TestHookIsToldOfActions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "told")
	script := `echo "$THRESHER_OLD_STATE>$THRESHER_STATE $THRESHER_ACTION $THRESHER_LEVEL" >> ` + file
	cfg := &config.Config{Node: "web1", Notify: []config.Notify{{Command: []string{"/bin/sh", "-c", script}, States: true}}}
	l := newLocal(cfg, slog.New(slog.DiscardHandler), Self{})
	end := l.events.notifying(cfg, nil)
	now := time.Now()
	l.tell()
	for _, word := range strings.Fields("join waits works cordon drained uncordon maxloop reset") {
		happens(t, &l.life, &now, word)
		l.tell()
		l.tell() // nothing new
	}
	l.resume(&handed{Life: handLife(l.life), resumed: true}) // by the next process
	happens(t, &l.life, &now, "stopstart")
	l.tell()
	l.end()
	l.end()
	end()
	told, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		">starting boot info", "starting>up boot info", "up>waiting wait warn", "waiting>up wakeup info",
		"up>draining cordon info", "draining>stopped cordon info", "stopped>up uncordon info",
		"up>stopped maxloop warn", "stopped>up reset info", "up>starting stopstart info", "starting>stopped shutdown info",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(told)), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l.life.state != console.Stopped {
		t.Errorf("the daemon has ended: %s", l.life.state)
	}
}
