package lab

import (
	"testing"
	"time"
)

func TestPauseAndResume(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	for name, way := range map[string]struct{ pause, resume func(*Process) error }{
		"process": {(*Process).Pause, (*Process).Resume},
		"host":    {func(*Process) error { return n.Pause() }, func(*Process) error { return n.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, n, "while :; do echo x; sleep 0.01; done")
			eventually(t, "it runs", func() bool { return p.Tail(10) != "" })
			if err := way.pause(p); err != nil {
				t.Fatal(err)
			}
			// A child of the shell may still write once; the shell does not.
			time.Sleep(50 * time.Millisecond)
			before := p.Tail(1 << 20)
			time.Sleep(100 * time.Millisecond)
			if after := p.Tail(1 << 20); after != before {
				t.Errorf("it wrote %d bytes while paused", len(after)-len(before))
			}
			if err := way.resume(p); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it goes on", func() bool { return len(p.Tail(1<<20)) > len(before) })
		})
	}
	if err := n.Pause(); err != nil { // Close has to cope with it.
		t.Fatal(err)
	}
}
