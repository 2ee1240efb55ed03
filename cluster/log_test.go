package cluster

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// adapterUnderTest returns an adapter with a clock that the test turns.
func adapterUnderTest(level slog.Level) (*logAdapter, *bytes.Buffer, *time.Time) {
	var out bytes.Buffer
	now := time.Unix(1_000_000, 0)
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	a := newLogAdapter(slog.New(h))
	a.now = func() time.Time { return now }
	return a, &out, &now
}

func TestLogLevels(t *testing.T) {
	for line, want := range map[string]string{
		"[DEBUG] memberlist: Stream connection from=192.0.2.1:5\n": `level=DEBUG msg="Stream connection from=192.0.2.1:5"`,
		"[INFO] memberlist: Suspect web1 has failed\n":             `level=INFO msg="Suspect web1 has failed"`,
		"[WARN] memberlist: Refuting a suspect message\n":          `level=WARN msg="Refuting a suspect message"`,
		"[ERR] memberlist: Failed\n":                               `level=ERROR msg=Failed`,
		"[ERROR] memberlist: Failed\n":                             `level=ERROR msg=Failed`,
		"[ERR] Failed to shutdown transport: x\n":                  `level=ERROR msg="Failed to shutdown transport: x"`,
		"Err: Could not set the deadline: x\n":                     `level=ERROR msg="Err: Could not set the deadline: x"`,
	} {
		a, out, _ := adapterUnderTest(slog.LevelDebug)
		a.logger().Print(line)
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

// TestLogRepeats checks that one line is logged once in ten seconds, whatever
// port it came from, that another is not held back with it, and that the count
// of those held back is told.
func TestLogRepeats(t *testing.T) {
	a, out, now := adapterUnderTest(slog.LevelInfo)
	for port := range 50 {
		fmt.Fprintf(a, "[ERR] memberlist: Decrypt packet failed: x from=192.0.2.1:%d\n", 1000+port)
	}
	fmt.Fprint(a, "[ERR] memberlist: Decrypt packet failed: x from=192.0.2.2:1000\n")
	*now = now.Add(repeatInterval)
	fmt.Fprint(a, "[ERR] memberlist: Decrypt packet failed: x from=192.0.2.1:1\n")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3:\n%s", len(lines), out)
	}
	if !strings.Contains(lines[1], "192.0.2.2") || !strings.HasSuffix(lines[2], "repeated=49") {
		t.Errorf("lines:\n%s", out)
	}
	if got := a.refused.Load(); got != 52 {
		t.Errorf("%d refused, want 52: held back lines count", got)
	}
}

// TestLogFlood checks that forged addresses neither fill the memory nor the log.
func TestLogFlood(t *testing.T) {
	a, out, now := adapterUnderTest(slog.LevelInfo)
	for i := range 10 * maxLines {
		fmt.Fprintf(a, "[ERR] memberlist: Decrypt packet failed: x from=10.0.%d.%d:1\n", i/256, i%256)
	}
	if len(a.lines) > maxLines+1 {
		t.Errorf("%d lines remembered, want at most %d", len(a.lines), maxLines+1)
	}
	if n := strings.Count(out.String(), "\n"); n > maxLines+1 {
		t.Errorf("%d lines logged, want at most %d", n, maxLines+1)
	}
	*now = now.Add(2 * repeatInterval)
	fmt.Fprint(a, "[WARN] memberlist: new\n")
	if len(a.lines) != 1 {
		t.Errorf("%d lines remembered after they ran out, want 1", len(a.lines))
	}
}

// TestLogCountsUnlogged checks that what is below the log's level is counted.
func TestLogCountsUnlogged(t *testing.T) {
	a, out, _ := adapterUnderTest(slog.LevelError + 1)
	fmt.Fprint(a, "[ERR] memberlist: discarding packet with unacceptable label \"b\": from=192.0.2.1:1\n")
	fmt.Fprint(a, "[DEBUG] memberlist: failed to join 192.0.2.1:7946: no installed keys could decrypt the message\n")
	if got := a.refused.Load(); got != 1 || out.Len() != 0 {
		t.Errorf("%d refused, want 1; logged %q", got, out)
	}
}

// What memberlist's sockets say when they are closed is news only while they should
// be open.
func TestLogOfTheEnd(t *testing.T) {
	const line = "[ERR] memberlist: Failed to send indirect UDP ping: write udp 192.0.2.1:7946: use of closed network connection\n"
	for _, closing := range []bool{false, true} {
		a, out, _ := adapterUnderTest(slog.LevelDebug)
		a.closing.Store(closing)
		a.logger().Print(line)
		a.logger().Print("[ERR] memberlist: Failed\n")
		if strings.Contains(out.String(), "indirect UDP ping") == closing || !strings.Contains(out.String(), "msg=Failed") {
			t.Errorf("closing %v: %s", closing, out)
		}
	}
}
