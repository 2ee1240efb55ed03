package lab

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
)

// helperVariable makes the test binary build a lab and wait to be killed.
const helperVariable = "LAB_TEST_HELPER"

func TestMain(m *testing.M) {
	BeEchoProcess()
	flag.Duration("lab.flood", 2*time.Second, "how long the watch of handshakes is flooded")
	if os.Getenv(helperVariable) != "" {
		os.Exit(helper())
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit))
}

// newLab builds a lab for one test, or skips the test where that is impossible.
func newLab(t *testing.T, c Config) *Lab {
	t.Helper()
	if err := Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	l, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// within is a context for one step that waits for the kernel or a program.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok, which looks at something of the kernel's that
// cannot be waited for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// holdVIP puts the VIP on a node's eth0, as a single server would have it.
func holdVIP(t *testing.T, n *Node) {
	t.Helper()
	if _, err := n.Run(within(t, 5*time.Second), "ip", "address", "add", VIP().String()+"/32", "dev", Interface); err != nil {
		t.Fatal(err)
	}
}

func vipPort(port uint16) netip.AddrPort { return netip.AddrPortFrom(VIP(), port) }
