package lab

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]

	t.Run("stop ends with SIGTERM", func(t *testing.T) {
		p := start(t, n, "sleep 1000")
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Errorf("second stop: %v", err)
		}
	})
	t.Run("stop kills what does not end", func(t *testing.T) {
		p := start(t, n, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
		eventually(t, "the trap is set", func() bool { return p.Tail(100) == "ready" })
		err := p.Stop(within(t, 100*time.Millisecond))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
	})
	t.Run("stop tells of a bad end", func(t *testing.T) {
		p := start(t, n, "echo broken >&2; exit 3")
		<-p.Done()
		err := p.Stop(t.Context())
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "broken") {
			t.Errorf("error %v, want exit status 3 and what it said", err)
		}
	})
	t.Run("kill after the end is no error", func(t *testing.T) {
		p := start(t, n, "true")
		if err := errors.Join(p.Wait(), p.Kill()); err != nil {
			t.Error(err)
		}
	})
	t.Run("both outputs go to the log, a copy of one to the writer", func(t *testing.T) {
		var copied bytes.Buffer
		p, err := n.StartWith(ProcessOptions{Stdout: &copied, Env: []string{"WORD=out"}}, "/bin/sh", "-c", "echo $WORD; echo err >&2")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		if log := p.Tail(100); !strings.Contains(log, "out") || !strings.Contains(log, "err") || copied.String() != "out\n" {
			t.Errorf("log %q, copy %q", log, copied.String())
		}
	})
	t.Run("a missing program is an error", func(t *testing.T) {
		if _, err := n.Start("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("error %v, want %v", err, exec.ErrNotFound)
		}
	})
}

func TestRun(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	out, err := n.Run(t.Context(), "ip", "-br", "address", "show", Interface)
	if err != nil || !strings.Contains(string(out), n.Address.String()+"/16") {
		t.Errorf("ip said %q, error %v", out, err)
	}
	if _, err := n.Run(t.Context(), "sh", "-c", "echo broken >&2; exit 1"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %v does not have what the command said", err)
	}
	if _, err := n.Run(within(t, 50*time.Millisecond), "sleep", "1000"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
}

func start(t *testing.T, n *Node, script string) *Process {
	t.Helper()
	p, err := n.Start("sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
