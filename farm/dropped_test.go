package farm

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/config"
)

func TestDropped(t *testing.T) {
	was := []config.Service{{Name: "db"}, {Name: "cache", After: []string{"db"}}, {Name: "web", After: []string{"db", "cache"}}}
	got := dropped(was, []config.Service{{Name: "db"}, {Name: "new"}})
	want := []config.Service{{Name: "cache", After: []string{}}, {Name: "web", After: []string{"cache"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(was[2].After) != 2 {
		t.Error("what ran was changed")
	}
	if got := dropped(was, was); len(got) != 0 {
		t.Errorf("nothing is dropped, got %v", got)
	}
}

// What a configuration does not name any more is stopped after a restart, and
// nothing that it still names.
func TestDroppedServiceIsStopped(t *testing.T) {
	dir := t.TempDir()
	touches := func(name string) config.Service {
		return config.Service{
			Name: name, Start: []string{"false"}, Stop: []string{"touch", filepath.Join(dir, name)},
			StartTimeout: 10 * time.Second, StopTimeout: 10 * time.Second, MaxRestarts: 1, Within: time.Hour,
		}
	}
	l := &local{
		cfg:    &config.Config{Services: []config.Service{touches("kept")}},
		handed: &handed{Application: &handedApplication{Wanted: true, Services: []config.Service{touches("kept"), touches("gone")}}},
		events: quietEvents(),
	}
	<-l.stopDropped()
	if _, err := os.Stat(filepath.Join(dir, "gone")); err != nil {
		t.Errorf("what was dropped runs on: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kept")); err == nil {
		t.Error("what was kept was stopped")
	}
}
