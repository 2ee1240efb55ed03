package farm

import (
	"testing"
	"time"

	"thresher/config"
)

// Who asks goes on getting reports while others ask, however many.
func TestAskersAreBounded(t *testing.T) {
	w := &watchdog{askers: make(map[config.MAC]time.Time)}
	start := time.Now()
	for round := range 3 {
		for i := range 2 * maxAskers {
			w.asked(start.Add(time.Duration(round)*askerPatience), config.MAC{2, byte(i)})
		}
	}
	if n := len(w.asking(start.Add(3 * askerPatience))); n != maxAskers {
		t.Errorf("%d get reports of their own, want %d", n, maxAskers)
	}
}

// Of nodes that report it stays known where their frames come from, also when there are as
// many as there is room for.
func TestReportersStayKnown(t *testing.T) {
	w := &watchdog{nodes: make(map[config.MAC]reporter)}
	start := time.Now()
	for _, at := range []time.Duration{0, strangerGrace / 2} {
		for i := range maxAskers {
			w.reported(start.Add(at), "web1", config.MAC{2, byte(i)})
		}
		w.reported(start.Add(at), "web2", config.MAC{4})
	}
	for mac, r := range w.nodes {
		if since := r.at.Sub(start); since != strangerGrace/2 || r.name != "web1" {
			t.Errorf("%v was last heard after %v, as %s", mac, since, r.name)
		}
	}
	if len(w.nodes) != maxAskers {
		t.Errorf("%d are known, want %d", len(w.nodes), maxAskers)
	}
}
