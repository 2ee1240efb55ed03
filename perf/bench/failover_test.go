package bench

import (
	"testing"
	"time"

	clients "thresher/perf/traffic"
)

// TestJudgeRequests counts requests around an event: served, late and failed ones, and
// those that are too early or too late to count.
func TestJudgeRequests(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	visit := func(after, opened time.Duration, trouble clients.Trouble) clients.Connection {
		return clients.Connection{Started: at.Add(after), Opened: opened, Echoed: time.Millisecond, Trouble: trouble}
	}
	ms := time.Millisecond
	s, line := judgeRequests([]clients.Connection{
		visit(-1500*ms, ms, clients.None), // before the watch
		visit(-500*ms, ms, clients.None),
		visit(12*ms, 1000*ms, clients.None), // late
		visit(13*ms, ms, clients.None),
		visit(412*ms, 0, clients.Lost),
		visit(600*ms, ms, clients.None),
		visit(5500*ms, ms, clients.Lost), // after the watch
	}, at)
	for metric, want := range map[string]float64{blackout: 400, unserved: 40, errored: 20} {
		if s[metric] != want {
			t.Errorf("%s is %v, want %v", metric, s[metric], want)
		}
	}
	if len(line.Begun) != 600 || len(line.Served) != 600 {
		t.Fatalf("%d and %d slots", len(line.Begun), len(line.Served))
	}
	if line.Begun[101] != 2 || line.Served[101] != 1 || line.Begun[50] != 1 || line.Served[141] != 0 || line.Begun[141] != 1 {
		t.Errorf("slot 101: %d begun, %d served; slot 50: %d; slot 141: %d begun, %d served",
			line.Begun[101], line.Served[101], line.Begun[50], line.Begun[141], line.Served[141])
	}
}
