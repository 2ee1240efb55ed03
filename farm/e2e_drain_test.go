package farm_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/console"
	"thresher/health/process"
	"thresher/perf/lab"
)

// echoService is an echo server on port 80, which a stop ends with its connections.
func echoService(t *testing.T, n *lab.Node) string {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	file := filepath.Join(n.Dir, "echo.pid")
	endAll(t, process.Pattern{PidFile: file})
	return fmt.Sprintf(`services:
  - {name: echo, start: [/bin/sh, -c, %q], stop: [/bin/sh, -c, %q], process: {pid_file: %q}, environment: ["%s=:80"]}
checks:
  - {name: echo, type: tcp, target: "127.0.0.1:80", interval: 200ms, timeout: 200ms}
`, "setsid "+program+" & echo $! > "+file, "kill $(cat "+file+")", file, lab.EchoVariable)
}

// streamTo opens a connection that this node serves, from one of a hundred ports.
func (f *healthFarm) streamTo(n *lab.Node, first uint16) net.Conn {
	f.T.Helper()
	for port := first; port < first+100; port++ {
		from := netip.AddrPortFrom(f.Client.Address, port)
		if !strings.Contains(f.Thresher(n, "where", from.String(), "--rule", "web", "--json"), `"node":"`+n.Name+`"`) {
			continue
		}
		conn, err := f.Client.Dial(f.Ctx, "tcp4", from, netip.AddrPortFrom(lab.VIP(), 80))
		must(f.T, err)
		f.T.Cleanup(func() { conn.Close() })
		must(f.T, echoed(conn))
		return conn
	}
	f.T.Fatalf("none of 100 clients is %s's", n.Name)
	return nil
}

// flows has a stream go on for a while, a line now and then, and returns its end if
// there is one.
func (f *healthFarm) flows(conn net.Conn, span time.Duration) error {
	f.T.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); f.Pass(50 * time.Millisecond) {
		if err := echoed(conn); err != nil {
			return err
		}
	}
	return nil
}

// TestStreamOverDrain: a stream that never ends goes on over a drain, until its deadline
// if there is one. Then the service is stopped, and what it does with its connections
// reaches the client.
func TestStreamOverDrain(t *testing.T) {
	t.Parallel()
	f := newServiceFarm(t, lab.Config{}, lab.FarmOptions{TCPPorts: []int{80}, Affinity: "session"},
		func(_ *testFarm, n *lab.Node) string { return echoService(t, n) })
	n := f.Nodes[0]
	stream := f.streamTo(n, 40000)

	f.Thresher(n, "drain")
	must(t, f.flows(stream, time.Second))
	f.is(n, console.Draining, "drained by an operator")
	f.Thresher(n, "start")
	f.Thresher(n, "wait", "--state", "up", "--timeout", "20s")
	f.Converge(f.Nodes...)
	must(t, f.flows(stream, 100*time.Millisecond))

	const deadline = 2 * time.Second
	begun := time.Now()
	f.Thresher(n, "drain", "--deadline", deadline.String())
	told := time.Now()
	err := f.flows(stream, 30*time.Second)
	now := time.Now()
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the stream's end is %v", err)
	}
	// The stop takes its time; five seconds on a busy machine.
	if now.Sub(begun) < deadline || now.Sub(told) > deadline+5*time.Second {
		t.Errorf("the stream has ended after %v, and the deadline was %v", now.Sub(begun), deadline)
	}
	s := f.is(n, console.Stopped, "drained by an operator: its deadline has passed")
	t.Logf("the stream has ended %v after the drain: %v; then the service is %s", now.Sub(begun), err, s.Services[0].State)
	f.until(n, "the service is stopped", func(s console.Status) bool { return s.Services[0].State == "stopped" })
	f.Converge(f.Nodes[1])
	other := f.streamTo(f.Nodes[1], 40100)
	must(t, f.flows(other, 100*time.Millisecond))
}
