package supervise

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"thresher/config"
)

// TestCost: 200 checks of a port, one a second each, take little of a core, with
// the server that they ask in the same process.
func TestCost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	var checks []config.Check
	for i := range 200 {
		c := aCheck(fmt.Sprint("c", i), config.ActionNone, config.PhaseBoth)
		c.Type, c.TCP, c.Jitter = config.CheckTCP, config.TCPCheck{Target: l.Addr().String()}, 0.05
		checks = append(checks, c)
	}
	s := New(Options{Rules: []string{"web"}, Checks: checks})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	s.Start()
	time.Sleep(time.Second) // all have begun
	const span = 3 * time.Second
	before := cpu(t)
	time.Sleep(span)
	share := float64(cpu(t)-before) / float64(span)
	t.Logf("%.1f %% of a core", 100*share)
	if share > 0.02*5 { // on a quiet machine under 2 %
		t.Errorf("200 checks take %.1f %% of a core", 100*share)
	}
}

// cpu is what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
