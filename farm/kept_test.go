package farm

import (
	"os"
	"path/filepath"
	"testing"

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

func TestScales(t *testing.T) {
	rule := config.Rule{Name: "web", Weight: 80}
	s := make(scales)
	for i, step := range []struct {
		reason  string
		percent uint8
		want    uint8
	}{{"a", 50, 40}, {"b", 50, 20}, {"health", 0, 0}, {"a", 100, 0}, {"health", 100, 40}, {"b", 1, 1}, {"b", 100, 80}} {
		s.scale(step.reason, "web", step.percent)
		if got := s.of(rule); got != step.want {
			t.Errorf("step %d, %s %d %%: %d, want %d", i+1, step.reason, step.percent, got, step.want)
		}
	}
	if len(s) != 0 {
		t.Errorf("left over: %v", s)
	}
	if got := s.of(config.Rule{Name: "web"}); got != 0 {
		t.Errorf("a weight of 0 is %d", got)
	}
}
