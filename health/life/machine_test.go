package life

import (
	"strings"
	"testing"
	"time"

	"thresher/health/check"
	"thresher/health/service"
)

var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// The farms of the table. Checks: g waits for a gateway before everything, h looks
// at the services and restarts a, x restarts all by stopstart, z stops, n only
// withdraws rule r2, p is asked before and only withdraws r1.
func farms() map[string]Params {
	a := Service{Name: "a", Rules: []string{"r1", "r2"}}
	b := Service{Name: "b", After: []string{"a"}, Rules: []string{"r2"}}
	g := Check{Name: "g", Pre: true, Action: Wait, Services: []string{"a"}}
	one := func(name string, action Action, rules ...string) Check {
		return Check{Name: name, Action: action, Rules: rules, Services: []string{"a"}, MaxRestarts: 3, Within: time.Hour}
	}
	return map[string]Params{
		"nothing":  {},
		"a":        {Services: []Service{a}},
		"ab":       {Services: []Service{a, b}},
		"g":        {Checks: []Check{g}},
		"ga":       {Services: []Service{a}, Checks: []Check{g}},
		"gmanual":  {Services: []Service{a}, Checks: []Check{g}, Manual: true},
		"h":        {Services: []Service{a}, Checks: []Check{one("h", Restart, "r1")}},
		"x":        {Services: []Service{a}, Checks: []Check{one("x", Stopstart, "r1")}},
		"z":        {Services: []Service{a}, Checks: []Check{one("z", Stop, "r1")}},
		"n":        {Services: []Service{a}, Checks: []Check{one("n", Nothing, "r2")}},
		"p":        {Services: []Service{a}, Checks: []Check{{Name: "p", Pre: true, Rules: []string{"r1"}, Services: []string{"a"}}}},
		"gx":       {Services: []Service{a}, Checks: []Check{g, one("x", Stopstart, "r1")}},
		"gz":       {Services: []Service{a}, Checks: []Check{g, one("z", Stop, "r1")}},
		"nochecks": {Checks: []Check{{Name: "n", Action: Nothing, Rules: []string{"r1"}}}},
	}
}

// apply does one word: an operator's, "a=up" for a service, "g+", "g-" for a check,
// or a duration that passes.
func apply(t *testing.T, m *Machine, now *time.Time, word string) []Step {
	t.Helper()
	switch word {
	case "start":
		return m.Start(*now)
	case "stop":
		return m.Stop(*now, false)
	case "force":
		return m.Stop(*now, true)
	case "out":
		return m.TrafficOut(*now)
	case "suspend", "resume":
		return m.Suspend(*now, word == "suspend")
	}
	if name, state, ok := strings.Cut(word, "="); ok {
		gaveUp := ""
		if state == "over" {
			state, gaveUp = "stopping", name+" failed 3 times in 1 h"
		}
		for s := service.Stopped; s <= service.Lost; s++ {
			if s.String() == state {
				return m.Service(*now, name, s, gaveUp)
			}
		}
	}
	if d, err := time.ParseDuration(word); err == nil {
		*now = now.Add(d)
		return nil
	}
	verdict := map[byte]check.Verdict{'+': check.Up, '-': check.Down}[word[len(word)-1]]
	if verdict == check.Unknown {
		t.Fatalf("no such word: %s", word)
	}
	return m.Check(*now, word[:len(word)-1], verdict, "")
}

// describe writes what is to be done, the phase, and what is withdrawn.
func describe(m *Machine, steps []Step) string {
	var words []string
	for _, s := range steps {
		words = append(words, s.Do.String()+" "+s.Name)
	}
	phase, _ := m.Phase()
	words = append(words, phase.String())
	withdrawn := m.Withdrawn()
	for _, r := range []string{"r1", "r2"} {
		if withdrawn[r] != "" {
			words = append(words, "-"+r)
		}
	}
	return strings.Join(words, " ")
}

// TestSequences: each step is a word, and after a colon what is to be done, the
// phase, and the rules that are withdrawn.
func TestSequences(t *testing.T) {
	const (
		aUp   = "start: want a starting; a=starting: starting; a=up: ready; "
		hUp   = "start: want a starting; a=up: run h starting; h+: ready; "
		xUp   = "start: want a starting; a=up: run x starting; x+: ready; "
		gaUp  = "start: run g held; g+: want a starting; a=up: ready; "
		abUp  = "start: want a starting; a=up: want b starting; b=up: ready; "
		again = "out: unwant a stopping; a=stopping: stopping; a=stopped: want a starting; a=up: run x starting; x+: ready; "
	)
	for _, tt := range []struct{ name, farm, steps string }{
		{"nothing to wait for", "nothing", "start: ready; stop: off; start: ready"},
		{"start and stop", "a", aUp + "stop: unwant a stopping; a=stopping: stopping; a=stopped: off"},
		{"a service after another", "ab", abUp + "stop: unwant b stopping; b=stopped: unwant a stopping; a=stopped: off"},
		{"stopped while the first starts", "ab", "start: want a starting; a=starting: starting; stop: unwant a stopping; a=up: stopping; a=stopped: off"},
		{"stopped while the second starts", "ab", "start: want a starting; a=up: want b starting; b=starting: starting; stop: unwant b stopping; b=stopped: unwant a stopping; a=stopped: off"},
		{"started while it stops", "a", aUp + "stop: unwant a stopping; a=stopping: stopping; start: stopping; a=stopped: want a starting; a=up: ready"},
		{"start twice", "a", aUp + "start: ready"},
		{"stop twice", "a", aUp + "stop: unwant a stopping; stop: stopping; a=stopped: off; stop: off"},
		{"stop by force", "a", aUp + "force: force a stopping; a=stopped: off"},
		{"force after stop", "a", aUp + "stop: unwant a stopping; a=stopping: stopping; force: force a stopping; a=stopped: off"},
		{"restarted in place", "a", aUp + "a=stopping: ready -r1 -r2; a=stopped: ready -r1 -r2; a=starting: ready -r1 -r2; a=up: ready"},
		{"the second restarted in place", "ab", abUp + "b=stopping: ready -r2; b=starting: ready -r2; b=up: ready"},
		{"failed too often", "a", aUp + "a=over: closing; a=stopped: closing; out: unwant a off"},
		{"failed too often, the second is stopped first", "ab", abUp + "b=over: closing; out: unwant b stopping; b=stopped: unwant a stopping; a=stopped: off"},
		{"never started, given up", "a", "start: want a starting; a=starting: starting; a=over: unwant a stopping; a=stopped: off"},
		{"started again after it was given up", "a", aUp + "a=over: closing; out: unwant a stopping; a=stopped: off; start: want a starting; a=up: ready"},

		{"waits before the start", "ga", "start: run g held; g-: held; g+: want a starting; a=up: ready"},
		{"stopped while it waits", "ga", "start: run g held; g-: held; stop: end g off; start: run g held"},
		{"waits with services down", "ga", gaUp + "g-: closing; out: unwant a stopping; a=stopped: held; g+: want a starting; a=up: ready"},
		{"back while it closes", "ga", gaUp + "g-: closing; g+: closing; out: unwant a stopping; a=stopped: want a starting; a=up: ready"},
		{"back while it stops", "ga", gaUp + "g-: closing; out: unwant a stopping; g+: stopping; a=stopped: want a starting; a=up: ready"},
		{"waits while it starts", "ga", "start: run g held; g+: want a starting; a=starting: starting; g-: unwant a stopping; a=stopped: held"},
		{"stopped by an operator while it closes", "ga", gaUp + "g-: closing; stop: unwant a stopping; a=stopped: end g off"},
		{"waits without services", "g", "start: run g held; g+: ready; g-: closing; out: held; g+: ready"},
		{"back only by an operator", "gmanual", gaUp + "g-: closing; out: unwant a stopping; a=stopped: held; g+: held; start: want a starting; a=up: ready"},
		{"the first wait needs no operator", "gmanual", "start: run g held; g-: held; g+: want a starting; a=up: ready"},
		{"flaps while it waits", "ga", "start: run g held; g-: held; g-: held; g+: want a starting"},

		{"a check before traffic", "h", "start: want a starting; a=up: run h starting; h+: ready"},
		{"a check that fails restarts", "h", hUp + "h-: fail a ready -r1; a=stopping: end h ready -r1 -r2; a=starting: ready -r1 -r2; a=up: run h ready -r1; h+: ready"},
		{"a check that still fails restarts again", "h", hUp + "h-: fail a ready -r1; a=stopping: end h ready -r1 -r2; a=up: run h ready -r1; h-: fail a ready -r1"},
		{"a check that fails before traffic", "h", "start: want a starting; a=up: run h starting; h-: fail a ready -r1; a=stopping: end h ready -r1 -r2; a=up: run h ready -r1; h+: ready"},
		{"a service that dies is asked before it has its rules", "h", hUp + "a=stopping: end h ready -r1 -r2; a=up: run h ready -r1; h+: ready"},
		{"verdicts of a check that does not run", "h", hUp + "a=stopping: end h ready -r1 -r2; h-: ready -r1 -r2; h+: ready -r1 -r2"},
		{"stopped while it is restarted", "h", hUp + "h-: fail a ready -r1; a=stopping: end h ready -r1 -r2; stop: unwant a stopping; a=stopped: off"},
		{"forgotten over a stop", "h", hUp + "h-: fail a ready -r1; stop: unwant a end h stopping; a=stopped: off; start: want a starting; a=up: run h starting; h+: ready"},

		{"stopstart", "x", xUp + "x-: end x closing; " + again},
		{"stopstart while it closes is one", "x", xUp + "x-: end x closing; x-: closing; " + again},
		{"stopstart three times is the end", "x", xUp + "x-: end x closing; " + again + "x-: end x closing; " + again + "x-: end x closing; out: unwant a stopping; a=stopped: off"},
		{"stopstart at the edge of the window", "x", xUp + "x-: end x closing; " + again + "x-: end x closing; " + again + "59m: ready; x-: end x closing; out: unwant a stopping; a=stopped: off"},
		{"stopstart after the window", "x", xUp + "x-: end x closing; " + again + "x-: end x closing; " + again + "1h: ready; x-: end x closing; " + again},
		{"start forgets stopstarts", "x", xUp + "x-: end x closing; " + again + "x-: end x closing; " + again + "start: ready; x-: end x closing; " + again},
		{"an operator stops what restarts", "x", xUp + "x-: end x closing; out: unwant a stopping; stop: stopping; a=stopped: off"},
		{"wait is stricter than stopstart", "gx", "start: run g held; g+: want a starting; a=up: run x starting; x+: ready; x-: end x closing; g-: closing; out: unwant a stopping; a=stopped: held"},

		{"stop", "z", "start: want a starting; a=up: run z starting; z+: ready; z-: end z closing; out: unwant a stopping; a=stopped: off"},
		{"stop before traffic", "z", "start: want a starting; a=up: run z starting; z-: unwant a end z stopping; a=stopped: off"},
		{"once it closes, checks of services count no more", "gz", "start: run g held; g+: want a starting; a=up: run z starting; z+: ready; g-: end z closing; z-: closing; out: unwant a stopping; a=stopped: held"},

		{"one rule", "n", "start: want a starting; a=up: run n starting; n+: ready; n-: ready -r2; n+: ready"},
		{"one rule from the start", "n", "start: want a starting; a=up: run n starting; n-: ready -r2"},
		{"checks without services", "nochecks", "start: run n starting; n+: ready; n-: ready -r1; stop: end n off"},
		{"a check before that only withdraws", "p", "start: run p want a starting; p-: starting; a=up: ready -r1; p+: ready"},

		{"suspended, nothing is withdrawn", "n", "start: want a starting; a=up: run n starting; n+: ready; suspend: ready; n-: ready; resume: ready -r2"},
		{"suspended, nothing acts", "x", xUp + "suspend: ready; x-: ready; x+: ready; resume: ready"},
		{"resumed, it acts", "x", xUp + "suspend: ready; x-: ready; resume: end x closing; " + again},
		{"suspended, it does not wait", "ga", "start: run g held; g-: held; suspend: want a starting; a=up: ready; resume: closing"},
		{"suspended, an operator stops", "x", xUp + "suspend: ready; stop: unwant a end x stopping; a=stopped: off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, now := New(farms()[tt.farm]), epoch
			for i, step := range strings.Split(strings.TrimSuffix(strings.TrimSpace(tt.steps), ";"), ";") {
				word, want, _ := strings.Cut(strings.TrimSpace(step), ": ")
				steps := apply(t, m, &now, word)
				if got := describe(m, steps); got != want {
					t.Fatalf("step %d, %s: %s; want %s", i+1, word, got, want)
				}
			}
		})
	}
}

// TestReasons: what is shown says what the node waits for, and why it has stopped.
func TestReasons(t *testing.T) {
	m, now := New(farms()["gx"]), epoch
	expect := func(want string) {
		t.Helper()
		if _, got := m.Phase(); got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
	}
	m.Start(now)
	expect("asking check g")
	m.Check(now, "g", check.Down, "192.0.2.1 does not answer")
	expect("check g: 192.0.2.1 does not answer")
	if !m.Waits() {
		t.Error("does not wait")
	}
	m.Check(now, "g", check.Up, "")
	expect("starting a")
	m.Service(now, "a", service.Up, "")
	expect("asking check x")
	m.Check(now, "x", check.Up, "")
	expect("")
	for i := range 3 {
		m.Check(now, "x", check.Down, "no answer")
		if i < 2 {
			expect("check x: no answer")
		}
		m.TrafficOut(now)
		m.Service(now, "a", service.Stopped, "")
		m.Service(now, "a", service.Up, "")
		m.Check(now, "x", check.Up, "")
	}
	expect("check x failed 3 times in 1 h")
	if m.Halted() != "check x failed 3 times in 1 h" {
		t.Errorf("halted for %q", m.Halted())
	}
}

// TestCause: what has a node go out by itself is said until an operator starts it.
func TestCause(t *testing.T) {
	const up = "start g+ a=up x+ z+ "
	for words, want := range map[string]Cause{
		up:                            "",
		up + "stop":                   "",
		up + "g-":                     CauseWait,
		up + "x-":                     CauseStopstart,
		up + "x- g-":                  CauseStopstart,
		up + "z-":                     CauseStop,
		up + "g- z-":                  CauseWait,
		up + "a=over":                 CauseTooOften,
		up + "g- a=over":              CauseTooOften,
		up + "a=over g-":              CauseTooOften,
		up + "g- out a=stopped start": "",
		up + strings.Repeat("x- out a=stopped a=up x+ z+ ", 2) + "x-": CauseTooOften,
	} {
		p := farms()["gx"]
		p.Checks = append(p.Checks, farms()["z"].Checks...)
		m, now := New(p), epoch
		for _, word := range strings.Fields(words) {
			apply(t, m, &now, word)
		}
		if got := m.Cause(); got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}

// TestAdopt: what another process has left is ready, and what it had withdrawn
// comes back when the check is up.
func TestAdopt(t *testing.T) {
	m := New(farms()["h"])
	if got, want := describe(m, m.Adopt(epoch, []string{"h"})), "run h ready -r1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := describe(m, m.Check(epoch, "h", check.Up, "")), "ready"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzMachine: whatever happens, in any order, services are started in their order,
// and none is stopped while traffic may come in.
func FuzzMachine(f *testing.F) {
	f.Add([]byte("gx"), []byte{0, 4, 8, 12, 3, 1})
	f.Add([]byte("ab"), []byte{0, 6, 9, 1, 2, 5, 0, 7})
	f.Fuzz(func(t *testing.T, farm, words []byte) {
		p, ok := farms()[string(farm)]
		if !ok {
			return
		}
		vocabulary := []string{"start", "stop", "force", "out", "suspend", "resume", "1m"}
		for _, s := range p.Services {
			for state := service.Stopped; state <= service.Lost; state++ {
				vocabulary = append(vocabulary, s.Name+"="+state.String())
			}
			vocabulary = append(vocabulary, s.Name+"=over")
		}
		for _, c := range p.Checks {
			vocabulary = append(vocabulary, c.Name+"+", c.Name+"-")
		}
		m, now := New(p), epoch
		for _, w := range words {
			word := vocabulary[int(w)%len(vocabulary)]
			for _, s := range apply(t, m, &now, word) {
				if phase, _ := m.Phase(); s.Do == UnwantService && phase == Ready {
					t.Fatalf("%s has %s stopped while the node is ready", word, s.Name)
				}
			}
		}
	})
}
