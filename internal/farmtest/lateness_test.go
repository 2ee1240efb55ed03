package farmtest

import (
	"testing"
	"time"
)

// TestLateness: what a sleep took too long counts from its begin, in turn, and nothing
// before or after.
func TestLateness(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	l := &Lateness{}
	l.note(at(0), 40*time.Millisecond)    // over before
	l.note(at(90), 100*time.Millisecond)  // goes on at the begin
	l.note(at(250), 500*time.Microsecond) // what any machine has
	l.note(at(350), 30*time.Millisecond)  // within what the former put off
	l.note(at(500), time.Second)          // after all
	if got, want := l.PutOff(at(100), at(300)), at(430); !got.Equal(want) {
		t.Errorf("put off to %v, want %v", got, want)
	}
	if got := l.PutOff(at(200), at(210)); !got.Equal(at(210)) {
		t.Errorf("put off to %v where nothing was late", got)
	}
	if got := l.Worst(at(80)); got != time.Second {
		t.Errorf("worst %v", got)
	}
	if got := l.Worst(at(600)); got != 0 {
		t.Errorf("worst %v after all", got)
	}
}
