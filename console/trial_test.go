package console

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func trialStatus(node string) Status {
	return Status{
		Node: node, State: Up, Settled: true, Rules: []Rule{{Name: "web"}},
		Nodes: []Node{{Name: "a", State: Up, Shares: map[string]float64{"web": 0.5}}, {Name: "b", State: Up, Shares: map[string]float64{"web": 0.5}}},
	}
}

// What one node decides, by what it sees and hears.
func TestTrialOfOneNode(t *testing.T) {
	start := time.Unix(1000, 0)
	sick := trialStatus("a")
	sick.Nodes = slices.Clone(sick.Nodes)
	sick.Nodes[1].State = Unreachable
	unserved := trialStatus("a")
	unserved.Nodes = []Node{{Name: "a", State: Up}, {Name: "b", State: Up}}
	failing := trialStatus("a")
	failing.Checks = []Check{{Name: "http", State: "down"}}
	moving := trialStatus("a")
	moving.Settled = false
	type step struct {
		after time.Duration
		s     Status
		b     string // what b says
		want  string
		says  string
	}
	for name, steps := range map[string][]step{
		"kept":           {{0, trialStatus("a"), "", TrialRunning, ""}, {1e9, trialStatus("a"), TrialGood, TrialRunning, ""}, {2e9, trialStatus("a"), TrialRunning, TrialGood, "waits for node b"}, {3e9, trialStatus("a"), TrialGood, TrialKept, ""}, {99e9, sick, TrialUndone, TrialKept, ""}},
		"node lost":      {{0, sick, TrialGood, TrialRunning, "node b is not up"}, {30e9, sick, TrialGood, TrialUndone, "node b is not up"}, {31e9, trialStatus("a"), TrialKept, TrialUndone, ""}},
		"rule unserved":  {{0, unserved, TrialGood, TrialRunning, "nobody serves rule web"}},
		"check fails":    {{0, failing, TrialGood, TrialRunning, "check http is down"}},
		"unsettled":      {{0, moving, TrialGood, TrialRunning, "on their way"}},
		"unsteady":       {{0, trialStatus("a"), TrialGood, TrialRunning, ""}, {1e9, sick, TrialGood, TrialRunning, ""}, {2500e6, trialStatus("a"), TrialGood, TrialRunning, ""}, {4e9, trialStatus("a"), TrialGood, TrialRunning, ""}, {4500e6, trialStatus("a"), TrialGood, TrialKept, ""}},
		"silent other":   {{0, trialStatus("a"), "", TrialRunning, ""}, {29e9, trialStatus("a"), "", TrialGood, ""}, {30e9, trialStatus("a"), "", TrialUndone, "node b does not say"}},
		"other undone":   {{0, trialStatus("a"), TrialUndone, TrialUndone, "node b has gone back"}},
		"other has kept": {{0, sick, "", TrialRunning, ""}, {30e9, sick, TrialKept, TrialKept, ""}},
	} {
		before := HealthOf(trialStatus("a"))
		w := trialWatch{trial: Trial{ID: "x", State: TrialRunning, Deadline: start.Add(30 * time.Second), Nodes: []string{"a", "b"}, Before: before}}
		for i, one := range steps {
			got := w.look(start.Add(one.after), one.s, map[string]string{"b": one.b})
			if got.State != one.want || !strings.Contains(got.Reason, one.says) {
				t.Errorf("%s, step %d: %s (%s), want %s (%s)", name, i, got.State, got.Reason, one.want, one.says)
			}
		}
	}
}

// A node that has gone on to the next trial still says how those before have ended.
func TestTrialTellsOfEarlierOnes(t *testing.T) {
	var now Trial
	for i := range 12 {
		next := Trial{ID: string(rune('a' + i)), State: TrialRunning}.After(now)
		if now.ID != "" && next.StateOf(now.ID) != now.State {
			t.Errorf("in %s, %s is %q", next.ID, now.ID, next.StateOf(now.ID))
		}
		now = next
		now.State = []string{TrialKept, TrialUndone}[i%2]
		if now = now.After(next); now.StateOf(now.ID) != now.State {
			t.Errorf("%s is %q", now.ID, now.StateOf(now.ID))
		}
	}
	if got, want := now.StateOf("d"), TrialUndone; got != want {
		t.Errorf("d is %q", got)
	}
	if len(now.Earlier) != maxEarlier || now.StateOf("c") != "" || now.StateOf("z") != "" || (Trial{}).StateOf("a") != "" {
		t.Errorf("%d are kept: %v", len(now.Earlier), now.Earlier)
	}
}

// Nodes that hear one another, with losses and each at its own pace, decide alike
// as long as they can hear who has decided.
func TestTrialOfAFarmDecidesAlike(t *testing.T) {
	for seed := range 200 {
		start := time.Unix(1000, 0)
		names := []string{"a", "b", "c"}
		watches := make(map[string]*trialWatch)
		for i, n := range names {
			watches[n] = &trialWatch{trial: Trial{ID: "x", State: TrialRunning, Nodes: names, Before: HealthOf(trialStatus(n)),
				Deadline: start.Add(10*time.Second + time.Duration((seed>>i)&1)*700*time.Millisecond)}}
		}
		random := uint64(seed)*2862933555777941757 + 3037000493
		roll := func(n uint64) bool {
			random = random*6364136223846793005 + 1442695040888963407
			return (random>>33)%n == 0
		}
		sick := roll(2)
		for at := time.Duration(0); at < 20*time.Second; at += 250 * time.Millisecond {
			for _, n := range names {
				if roll(4) {
					continue // its turn is late
				}
				heard := make(map[string]string)
				for _, o := range names {
					if at > 9*time.Second || !roll(3) { // losses end before the time does
						heard[o] = watches[o].trial.State
					}
				}
				s := trialStatus(n)
				if sick && n == "b" {
					s.Checks = []Check{{Name: "http", State: "down"}}
				}
				watches[n].look(start.Add(at), s, heard)
			}
		}
		want := TrialKept
		if sick {
			want = TrialUndone
		}
		for _, n := range names {
			if got := watches[n].trial; got.State != want {
				t.Fatalf("seed %d: %s has %s (%s), want %s", seed, n, got.State, got.Reason, want)
			}
		}
	}
}

// A clock that is set neither ends a trial that was read nor has it go on for ever.
func TestTrialIsResumed(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct{ left, want time.Duration }{
		"as it was":             {20 * time.Second, 20 * time.Second},
		"over":                  {-time.Second, -time.Second},
		"the clock is set back": {time.Hour, maxTrialTime},
		"by many years":         {1 << 62, maxTrialTime},
	} {
		read := Trial{ID: "x", State: TrialRunning, Deadline: now.Add(tt.left).Round(0)} // as JSON has it
		got := read.Resumed(now).Deadline
		if left := got.Sub(now); left != tt.want || got == got.Round(0) {
			t.Errorf("%s: %v left, want %v, until %v", name, left, tt.want, got)
		}
	}
}
