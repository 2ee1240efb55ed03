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

// A reset brings up what has stopped by itself, and nothing that an operator has
// stopped or cordoned.
func TestReset(t *testing.T) {
	for k, want := range map[kept]console.NodeState{
		{}: console.Starting, {Stopped: true}: console.Stopped, {Cordoned: true}: console.Stopped,
	} {
		l := newLife()
		l.halt("nginx failed 3 times in 24 h")
		l.reset(k)
		if l.state != want {
			t.Errorf("%+v: %s, want %s", k, l.state, want)
		}
	}
}
