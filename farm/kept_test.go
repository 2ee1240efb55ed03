package farm

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/config"
	"thresher/console"
)

func TestKept(t *testing.T) {
	cfg := &config.Config{Node: "web1", StateDir: filepath.Join(t.TempDir(), "state")}
	if k, err := recall(cfg); err != nil || k != (kept{}) {
		t.Errorf("nothing kept: %+v, %v", k, err)
	}
	want := kept{Stopped: true, Cordoned: true}
	if err := want.write(keptFile(cfg)); err != nil {
		t.Fatal(err)
	}
	if k, err := recall(cfg); err != nil || k != want {
		t.Errorf("%+v, %v; want %+v", k, err, want)
	}
	if err := os.WriteFile(keptFile(cfg), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recall(cfg); err == nil {
		t.Error("a broken file is read")
	}
}

// What an operator asks for is done whole, or not at all and with a cure: where it must
// be remembered and cannot be, the node stays as it is.
func TestWhatCannotBeRememberedIsNotDone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := kept{Stopped: true}
	for _, tt := range []struct {
		name  string
		boot  config.Boot
		ask   func(control) error
		done  bool
		state console.NodeState
		kept  kept
	}{
		{"cordon", config.BootOn, func(c control) error { return c.Cordon(t.Context()) }, false, console.Up, kept{}},
		{"drain", config.BootAsBefore, func(c control) error { return c.Drain(t.Context(), 0) }, false, console.Up, kept{}},
		{"stop", config.BootAsBefore, func(c control) error { return c.Stop(t.Context(), false) }, false, console.Up, kept{}},
		// Nobody will read it.
		{"drain and boot", config.BootOn, func(c control) error { return c.Drain(t.Context(), 0) }, true, console.Draining, stopped},
		{"stop and boot", config.BootOn, func(c control) error { return c.Stop(t.Context(), false) }, true, console.Stopped, stopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &config.Config{Node: "web1", StateDir: filepath.Join(file, "state"), Life: config.Life{Boot: tt.boot}}
			l := &local{cfg: cfg, log: slog.New(slog.DiscardHandler), asks: make(chan ask), life: life{state: console.Up}}
			go func() { a := <-l.asks; a.do(); close(a.done) }()
			err := tt.ask(control{l})
			var refused *console.Error
			if errors.As(err, &refused) == tt.done || !tt.done && !strings.Contains(refused.Cure, cfg.StateDir) {
				t.Errorf("error: %#v", err)
			}
			if l.life.state != tt.state || l.kept != tt.kept {
				t.Errorf("%s, kept %+v, want %s, %+v", l.life.state, l.kept, tt.state, tt.kept)
			}
		})
	}
}

// A cordon is shown for as long as it holds, whatever the node's state.
func TestCordonIsShown(t *testing.T) {
	for cordoned, state := range map[bool]console.NodeState{true: console.Up, false: console.Stopped} {
		l := &local{cfg: &config.Config{}, kept: kept{Cordoned: cordoned}, life: life{state: state}}
		l.app = newApplication(l.cfg, l.events, 0)
		var s console.Status
		if l.healthStatus(&s); s.Cordoned != cordoned {
			t.Errorf("cordoned %v, and shown: %v", cordoned, s.Cordoned)
		}
	}
}

// An uncordon brings up what was cordoned, and not what an operator has stopped.
func TestUncordonIsOfACordon(t *testing.T) {
	for before, want := range map[kept]console.NodeState{
		{Cordoned: true}: console.Starting, {Cordoned: true, Stopped: true}: console.Starting, {Stopped: true}: console.Stopped, {}: console.Stopped,
	} {
		cfg := &config.Config{Node: "web1", StateDir: t.TempDir()}
		l := &local{cfg: cfg, log: slog.New(slog.DiscardHandler), asks: make(chan ask), life: life{state: console.Stopped}, kept: before}
		go func() { a := <-l.asks; a.do(); close(a.done) }()
		err := control{l}.Uncordon(t.Context())
		if refused, _ := errors.AsType[*console.Error](err); (refused == nil) != before.Cordoned {
			t.Errorf("%+v: %v", before, err)
		}
		if l.life.state != want || !before.Cordoned && l.kept != before {
			t.Errorf("%+v: %s, kept %+v", before, l.life.state, l.kept)
		}
	}
}

// When a drain ends is shown for as long as there is one.
func TestEndOfADrainIsShown(t *testing.T) {
	end := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for state, want := range map[console.NodeState]time.Time{console.Draining: end, console.Stopped: {}, console.Up: {}} {
		l := &local{cfg: &config.Config{}, life: life{state: state, drainEnd: end}}
		l.app = newApplication(l.cfg, l.events, 0)
		var s console.Status
		if l.healthStatus(&s); !s.DrainEnds.Equal(want) {
			t.Errorf("%s: %v, want %v", state, s.DrainEnds, want)
		}
	}
}

func TestBoot(t *testing.T) {
	for _, tt := range []struct {
		boot config.Boot
		kept kept
		want console.NodeState
	}{
		{config.BootOn, kept{}, console.Starting},
		{config.BootOn, kept{Stopped: true}, console.Starting},
		{config.BootOn, kept{Cordoned: true}, console.Stopped},
		{config.BootOff, kept{}, console.Stopped},
		{config.BootAsBefore, kept{}, console.Starting},
		{config.BootAsBefore, kept{Stopped: true}, console.Stopped},
		{config.BootAsBefore, kept{Cordoned: true}, console.Stopped},
	} {
		l := newLife()
		if l.boot(config.Life{Boot: tt.boot}, tt.kept); l.state != tt.want {
			t.Errorf("boot %v, %+v: %s, want %s", tt.boot, tt.kept, l.state, tt.want)
		}
	}
}

// A reset brings up what has stopped by itself, and nothing that an operator has
// stopped or cordoned.
func TestReset(t *testing.T) {
	for k, want := range map[kept]console.NodeState{
		{}: console.Starting, {Stopped: true}: console.Stopped, {Cordoned: true}: console.Stopped,
	} {
		l := newLife()
		l.halt("nginx failed 3 times in 24 h", actionMaxLoop)
		l.reset(k)
		if l.state != want {
			t.Errorf("%+v: %s, want %s", k, l.state, want)
		}
	}
}
