package command

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(script string) Command { return Command{Argv: []string{"/bin/sh", "-c", script}} }

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		code         int
		output       string
		reason       string
	}{
		{"well", "echo fine", 0, "fine\n", ""},
		{"fails", "echo '  no space left'; exit 3", 3, "  no space left\n", "exit code 3: no space left"},
		{"standard error", "echo a >&2; exit 1", 1, "a\n", "exit code 1: a"},
		{"silent", "exit 1", 1, "", "exit code 1"},
		{"killed", "kill -9 $$", -1, "", "signal: killed"},
		{"environment", "echo $GREETING", 0, "hello\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := sh(tt.script)
			c.Env = []string{"GREETING=hello"}
			r := Run(t.Context(), c)
			if r.Code != tt.code || r.Output != tt.output || r.Reason() != tt.reason {
				t.Errorf("code %d, output %q, reason %q", r.Code, r.Output, r.Reason())
			}
		})
	}
	if r := Run(t.Context(), Command{Argv: []string{"/nonexistent"}}); r.Code != -1 || !strings.Contains(r.Reason(), "no such file") {
		t.Errorf("%+v: %s", r, r.Reason())
	}
}

// TestOutputIsBounded: what says too much is read to its end, and the beginning kept.
func TestOutputIsBounded(t *testing.T) {
	r := Run(t.Context(), sh("yes | head -c 1000000"))
	if r.Err != nil || len(r.Output) != maxOutput {
		t.Errorf("%v, %d bytes kept", r.Err, len(r.Output))
	}
}

// over is a context whose time is over when a test says so.
type over struct {
	context.Context
	done chan struct{}
}

func (o *over) Done() <-chan struct{} { return o.done }

func (o *over) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestOutputIsThereAtTheEnd: what a command has said before its end is its output,
// though nobody else has had the time to read it.
func TestOutputIsThereAtTheEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close() // as a daemon would that goes on
	o, err := newOutput(r)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Repeat("no space left\n", 100)
	if _, err := w.WriteString(said); err != nil {
		t.Fatal(err)
	}
	if got := o.text(0); got != said {
		t.Errorf("%d bytes of %d", len(got), len(said))
	}
	if _, err := w.WriteString(strings.Repeat("x", 2*maxOutput)); err != nil {
		t.Fatal(err)
	}
	if got := o.text(0); len(got) != maxOutput {
		t.Errorf("%d bytes are kept, want %d", len(got), maxOutput)
	}
}

// TestTooLong: when the time is over, what the command has started is killed, too.
func TestTooLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx := &over{Context: t.Context(), done: make(chan struct{})}
	go func() { // when its child is there
		defer close(ctx.done)
		for text, _ := os.ReadFile(file); !strings.HasSuffix(string(text), "\n") && t.Context().Err() == nil; text, _ = os.ReadFile(file) {
			time.Sleep(time.Millisecond)
		}
	}()
	r := Run(ctx, sh("sleep 100 & echo $! > "+file+"; wait"))
	if r.Code != -1 || r.Reason() != "took too long and was killed" {
		t.Errorf("code %d: %s", r.Code, r.Reason())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the command's child lives on")
		}
	}
}

// TestDaemon: a command whose child goes on in the background, with the output
// open, is done when it ends itself, and the child may go on writing.
func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	goOn, file := filepath.Join(dir, "go on"), filepath.Join(dir, "end")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := Run(ctx, sh("(until [ -e '"+goOn+"' ]; do sleep 0.01; done; echo late; echo late; touch "+file+") & echo started"))
	if r.Err != nil || r.Line() != "started" {
		t.Errorf("%v, %q", r.Err, r.Output)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what went on in the background was ended")
		}
	}
}
