package supervise

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
	"thresher/health/probe"
)

// addressOfServer is where the server of TestCost says where it listens.
const addressOfServer = "THRESHER_TEST_ADDRESS"

// TestCostServer is the server that TestCost asks, in a process of its own, until
// its standard input ends.
func TestCostServer(t *testing.T) {
	file := os.Getenv(addressOfServer)
	if file == "" {
		return // TestCost runs it
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := os.WriteFile(file, []byte(l.Addr().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	l.Close()
}

// startServer runs TestCostServer.
func startServer(t *testing.T) (address string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "address")
	server := exec.Command(os.Args[0], "-test.run=^TestCostServer$")
	server.Env = append(os.Environ(), addressOfServer+"="+file)
	in, err := server.StdinPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = server.Wait() })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatal("the server does not come up")
	return ""
}

// costSpan is how long what 200 checks take is measured.
const costSpan = 3 * time.Second

// TestCost: 200 checks, one a second each, take little of a core. What a connection
// costs is the kernel's, and differs by machine: it is measured in the same run,
// without anything around it, and the engine without connections.
func TestCost(t *testing.T) {
	address := startServer(t)
	alone := costOfChecks(t, func(config.Check) probe.Func {
		return func(context.Context) probe.Result { return probe.Result{OK: true, Detail: "connected", Weight: -1} }
	}, address)
	bare := costOfConnections(t, address)
	all := costOfChecks(t, probe.New, address)
	t.Logf("200 checks: %.1f %% of a core, the engine alone %.1f %%, bare connections %.1f %%", 100*all, 100*alone, 100*bare)
	if alone > 0.02*5 { // on a quiet machine under 2 %
		t.Errorf("200 checks of nothing take %.1f %% of a core", 100*alone)
	}
	if limit := max(0.02, 2*bare) + 0.02; all > limit {
		t.Errorf("200 checks take %.1f %% of a core, want at most %.1f %%", 100*all, 100*limit)
	}
}

func costOfChecks(t *testing.T, look func(config.Check) probe.Func, address string) float64 {
	t.Helper()
	var checks []config.Check
	for i := range 200 {
		c := aCheck(fmt.Sprint("c", i), config.ActionNone, config.PhaseBoth)
		c.Type, c.TCP, c.Jitter = config.CheckTCP, config.TCPCheck{Target: address}, 0.05
		checks = append(checks, c)
	}
	s := New(Options{Rules: []string{"web"}, Checks: checks, Probe: look})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	s.Start()
	time.Sleep(time.Second) // all have begun
	before := cpu(t)
	time.Sleep(costSpan)
	return float64(cpu(t)-before) / float64(costSpan)
}

// costOfConnections makes as many connections as the checks, and nothing else.
func costOfConnections(t *testing.T, address string) float64 {
	t.Helper()
	ticker := time.NewTicker(time.Second / 200)
	defer ticker.Stop()
	before, end := cpu(t), time.Now().Add(costSpan)
	for time.Now().Before(end) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		<-ticker.C
	}
	return float64(cpu(t)-before) / float64(costSpan)
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
