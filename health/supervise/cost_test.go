package supervise

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "well") })) // until l is closed
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
// without anything around it, and the engine without connections. Checks that connect
// take less than bare connections, each at its own time, since they share wake-ups. A
// request and its answer cost about as much as the connection, with the race detector some more.
func TestCost(t *testing.T) {
	address := startServer(t)
	alone := costOfChecks(t, asks(address, config.CheckTCP), func(config.Check) probe.Func {
		return func(context.Context) probe.Result { return probe.Result{OK: true, Detail: "connected", Weight: -1} }
	})
	bare := costOfConnections(t, address)
	tcp := costOfChecks(t, asks(address, config.CheckTCP), probe.New)
	web := costOfChecks(t, asks(address, config.CheckHTTP), probe.New)
	t.Logf("200 checks, in %% of a core: tcp %.1f, http %.1f, the engine alone %.1f, bare connections %.1f", 100*tcp, 100*web, 100*alone, 100*bare)
	if alone > 0.02 {
		t.Errorf("200 checks of nothing take %.1f %% of a core", 100*alone)
	}
	if limit := max(0.02, bare); tcp > limit {
		t.Errorf("200 checks of type tcp take %.1f %% of a core, want at most %.1f %%", 100*tcp, 100*limit)
	}
	if limit := max(0.02, 4*tcp); web > limit {
		t.Errorf("200 checks of type http take %.1f %% of a core, want at most %.1f %%", 100*web, 100*limit)
	}
}

// asks makes 200 checks of a server.
func asks(address string, kind config.CheckType) (checks []config.Check) {
	for i := range 200 {
		c := aCheck(fmt.Sprint("c", i), config.ActionNone, config.PhaseBoth)
		c.Type, c.Jitter, c.TCP = kind, 0.05, config.TCPCheck{Target: address}
		c.HTTP = config.HTTPCheck{URL: "http://" + address + "/", Method: http.MethodGet, Status: []config.PortRange{{First: 200, Last: 200}}}
		checks = append(checks, c)
	}
	return checks
}

func costOfChecks(t *testing.T, checks []config.Check, look func(config.Check) probe.Func) float64 {
	t.Helper()
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

// costOfConnections makes as many connections as the checks, and nothing else. On a busy
// machine that may take longer.
func costOfConnections(t *testing.T, address string) float64 {
	t.Helper()
	ticker := time.NewTicker(time.Second / 200)
	defer ticker.Stop()
	before := cpu(t)
	for range 200 * int(costSpan/time.Second) {
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
