package lab

import (
	"testing"
	"time"

	"thresher/config"
)

// TestRepeatHeartbeats: each frame is said again as often as asked, and what the
// repeater says itself it does not repeat.
func TestRepeatHeartbeats(t *testing.T) {
	l := newLab(t, Config{Nodes: 1, Clients: 2})
	r, err := l.Clients[0].RepeatHeartbeats(2, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Nodes[0].rawSocket()
	if err != nil {
		t.Fatal(err)
	}
	broadcast := config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	frame := append(append(broadcast[:], l.Nodes[0].MAC[:]...), heartbeatType>>8, heartbeatType&0xff)
	frame = append(frame, make([]byte, 60)...)
	const frames = 5
	for range frames {
		if err := sendFrame(conn, frame, broadcast); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); r.Said() < 2*frames; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d frames were said again, want %d", r.Said(), 2*frames)
		}
	}
	time.Sleep(100 * time.Millisecond) // Twice as late as any repetition of a repetition.
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r.Said() != 2*frames {
		t.Errorf("%d frames were said again, want %d", r.Said(), 2*frames)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
