package check

import (
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// middle draws no jitter.
func middle() float64 { return 0.5 }

var usual = Params{Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}

// world drives a machine by words: + and - are the next run's result, h a run that
// hangs, l the late end of a hung run, S stop, s start. After each stands the verdict
// that the check must have: u, d or ? for none.
type world struct {
	m    *Machine
	now  time.Time
	run  Run // under way; 0 is none
	hung []Run
}

func (w *world) do(t *testing.T, word byte) {
	t.Helper()
	switch word {
	case 's':
		w.run = w.m.Start(w.now)
		return
	case 'S':
		if w.run != 0 {
			w.hung, w.run = append(w.hung, w.run), 0
		}
		w.m.Stop()
		return
	case 'l':
		w.m.Ended(w.now, w.hung[0], Result{OK: true})
		w.hung = w.hung[1:]
		return
	}
	w.await(t)
	switch {
	case word == 'h' && w.run == 0: // counted without a run: the last one has not ended
	case word == 'h':
		w.hung = append(w.hung, w.run)
		w.now = w.m.Due()
		w.run, _ = w.m.Tick(w.now)
	default:
		w.m.Ended(w.now, w.run, Result{OK: word == '+'})
		w.run = 0
	}
}

// await lets time pass until a run begins, or has to be counted without one.
func (w *world) await(t *testing.T) {
	t.Helper()
	for i := 0; w.run == 0 && i < 2; i++ {
		due := w.m.Due()
		if due.IsZero() {
			t.Fatal("nothing is due")
		}
		w.now = due
		if w.run, _ = w.m.Tick(w.now); w.run == 0 && len(w.hung) > 0 {
			return
		}
	}
}

// follow drives the machine by words, and checks the verdict after each.
func (w *world) follow(t *testing.T, words string) {
	t.Helper()
	for i, word := range strings.Fields(words) {
		w.do(t, word[0])
		v, _ := w.m.Verdict()
		if got := map[Verdict]byte{Unknown: '?', Up: 'u', Down: 'd'}[v]; got != word[1] {
			t.Fatalf("word %d, %q: %c", i+1, word, got)
		}
	}
}

func TestSequences(t *testing.T) {
	for _, tt := range []struct{ name, words string }{
		{"first success is up at once", "s? +u"},
		{"first failures are down after fall", "s? -? -? -d"},
		{"a success among the first failures is up", "s? -? -? +u"},
		{"fall less one leaves it up", "s? +u -u -u +u"},
		{"fall brings it down", "s? +u -u -u -d"},
		{"failures count in a row alone", "s? +u -u -u +u -u -u +u -u -u -d"},
		{"rise less one leaves it down", "s? -? -? -d +d -d +d -d"},
		{"rise brings it up", "s? -? -? -d +d +u"},
		{"flaps at the edge of fall change nothing", "s? +u -u -u +u -u -u +u -u -u +u"},
		{"flaps at the edge of rise change nothing", "s? -? -? -d +d -d +d -d +d -d"},
		{"down, up and down again", "s? +u -u -u -d +d +u -u -u -d"},
		{"a run that hangs is a failure", "s? +u h" + "u -u -d"},
		{"runs that hang bring it down", "s? +u hu hu hd"},
		{"while one hangs no other begins", "s? +u hu hu hd hd hd"},
		{"the late end of a hung run counts not", "s? +u hu lu -u -d"},
		{"after the late end runs go on", "s? +u hu hu hd ld +d +u"},
		{"stopped, it has no verdict", "s? +u S?"},
		{"started anew, the first success is up", "s? +u -u -u S? s? +u"},
		{"started anew, old failures are forgotten", "s? +u -u -u S? s? -? -? -d"},
		{"what was under way when it was stopped counts not", "s? S? l? s? -? +u"},
		{"started again while an old run hangs, it fails", "s? S? s? h? h? hd ld +d +u"},
		{"start twice is start", "s? +u su -u"},
		{"stop twice is stop", "s? S? S?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world{m: New(usual, middle), now: epoch}
			w.follow(t, tt.words)
		})
	}
}

// TestOnce: with rise and fall 1, every result is a verdict.
func TestOnce(t *testing.T) {
	p := usual
	p.Rise, p.Fall = 1, 1
	w := world{m: New(p, middle), now: epoch}
	w.follow(t, "s? -d +u -d hd ld +u hd")
}

// TestSchedule: the first run is at once, each next an interval after the beginning
// of the one before, however long that took.
func TestSchedule(t *testing.T) {
	m := New(usual, middle)
	if m.Start(epoch) == 0 {
		t.Fatal("the first run does not begin at once")
	}
	if want := epoch.Add(usual.Timeout + Grace); m.Due() != want {
		t.Errorf("due at %v while it runs, want %v", m.Due(), want)
	}
	m.Ended(epoch, 1, Result{OK: true})
	if want := epoch.Add(usual.Interval); m.Due() != want {
		t.Errorf("due at %v, want %v", m.Due(), want)
	}
	if run, _ := m.Tick(epoch.Add(usual.Interval - 1)); run != 0 {
		t.Error("the next run begins too early")
	}
	if run, _ := m.Tick(epoch.Add(usual.Interval)); run == 0 {
		t.Error("the next run does not begin")
	}
}

// TestSlow: with a timeout above the interval, a run is awaited, and the next begins
// at its end.
func TestSlow(t *testing.T) {
	p := usual
	p.Timeout = 25 * time.Second
	m := New(p, middle)
	first := m.Start(epoch)
	if run, change := m.Tick(epoch.Add(20 * time.Second)); run != 0 || change != nil {
		t.Errorf("run %d, change %v while the first is under way", run, change)
	}
	m.Ended(epoch.Add(20*time.Second), first, Result{OK: true})
	if run, _ := m.Tick(epoch.Add(21 * time.Second)); run == 0 {
		t.Error("the next run does not begin")
	}
}

// TestJitter: intervals are shorter than the one that is wanted, as far as wanted.
func TestJitter(t *testing.T) {
	p := usual
	p.Jitter = 0.2
	for _, tt := range []struct {
		draw float64
		want time.Duration
	}{{0, 8 * time.Second}, {0.5, 9 * time.Second}, {0.75, 9500 * time.Millisecond}} {
		m := New(p, func() float64 { return tt.draw })
		m.Ended(epoch, m.Start(epoch), Result{OK: true})
		if got := m.Due().Sub(epoch); got != tt.want {
			t.Errorf("draw %v: after %v, want %v", tt.draw, got, tt.want)
		}
	}
}
