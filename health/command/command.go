// Package command runs an operator's command lines: without a shell, in a process
// group of their own that is killed when they take too long, with bounded output.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxOutput is how much of a command's output is kept: enough for an error
// message, or the first lines of a plug-in (Nagios plug-in API: 4 KB).
const maxOutput = 4096

// afterwards is how long output is waited for after the command's end: what others
// say that it has started. What it has said itself is there by then. Daemons that it
// has started may keep its output open for ever.
const afterwards = 20 * time.Millisecond

// Command is what is to be run.
type Command struct {
	// Argv is the program's absolute path and its arguments.
	Argv []string
	// Env is added to this process's environment, as KEY=VALUE; what its service
	// manager tells the daemon alone is left out.
	Env []string
}

// Result is how a command has ended.
type Result struct {
	// Group is the process group that it ran in; 0 if it was not begun. What it has
	// started may go on there.
	Group int
	// Code is the exit code; -1 if it was ended by a signal or not begun.
	Code int
	// Output is the beginning of standard output and standard error, together.
	Output string
	// Err is nil if the exit code is 0.
	Err error
}

// Run runs the command until it ends or ctx is done; then its whole process group
// is killed.
func Run(ctx context.Context, c Command) Result {
	r, w, err := os.Pipe()
	if err != nil {
		return Result{Code: -1, Err: fmt.Errorf("make a pipe: %w", err)}
	}
	out, err := newOutput(r)
	if err != nil {
		return Result{Code: -1, Err: fmt.Errorf("make a pipe: %w", errors.Join(err, r.Close(), w.Close()))}
	}
	// It lives as long as anything writes to the pipe: closing it would kill a
	// daemon that the command has started and that writes later, by SIGPIPE.
	go func() { defer r.Close(); out.drain() }()
	// A process without ctx: exec.CommandContext would kill the command alone, and
	// not what it has started.
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(ordinaryEnv(), c.Env...)
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = startOrdinary(cmd)
	w.Close()
	if err != nil {
		return Result{Code: -1, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	stop()
	res := Result{Group: cmd.Process.Pid, Code: cmd.ProcessState.ExitCode(), Output: out.text(afterwards), Err: err}
	if ctx.Err() != nil {
		res.Code, res.Err = -1, ctx.Err()
	}
	return res
}

// Reason says in one line why the command has failed.
func (r Result) Reason() string {
	var exit *exec.ExitError
	why := ""
	switch {
	case r.Err == nil:
		return ""
	case errors.Is(r.Err, context.DeadlineExceeded):
		why = "took too long and was killed"
	case errors.Is(r.Err, context.Canceled):
		why = "was given up and killed"
	case errors.As(r.Err, &exit) && exit.Exited():
		why = fmt.Sprintf("exit code %d", r.Code)
	default:
		why = r.Err.Error()
	}
	if line := r.Line(); line != "" {
		why += ": " + line
	}
	return why
}

// Line is the first line of the output that is not empty.
func (r Result) Line() string {
	for line := range strings.Lines(r.Output) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// output keeps the beginning of what is written to a pipe.
type output struct {
	pipe syscall.RawConn
	done chan struct{}

	mu   sync.Mutex // held while the pipe is read: what comes first is kept first
	kept []byte
}

func newOutput(r *os.File) (*output, error) {
	pipe, err := r.SyscallConn()
	return &output{pipe: pipe, done: make(chan struct{})}, err
}

// drain reads until the writers' end.
func (o *output) drain() {
	defer close(o.done)
	for more := true; more; {
		err := o.pipe.Read(func(fd uintptr) bool {
			var empty bool
			more, empty = o.take(int(fd))
			return !empty // else it waits
		})
		more = more && err == nil
	}
}

// take reads once, without waiting, and keeps what still fits. There is more to come
// where the pipe is merely empty.
func (o *output) take(fd int) (more, empty bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := make([]byte, 1024)
	n, err := syscall.Read(fd, b)
	switch {
	case n > 0:
		o.kept = append(o.kept, b[:min(n, maxOutput-len(o.kept))]...)
		return true, false
	case errors.Is(err, syscall.EINTR):
		return true, false
	default:
		empty = errors.Is(err, syscall.EAGAIN)
		return empty, empty
	}
}

// text is the output, after a moment for more to come. What is in the pipe by then is
// taken here: on a busy machine drain may not have had its turn.
func (o *output) text(patience time.Duration) string {
	select {
	case <-o.done:
	case <-time.After(patience):
	}
	_ = o.pipe.Control(func(fd uintptr) { // closed, it has been read to its end
		for more, empty := true, false; more && !empty && !o.full(); {
			more, empty = o.take(int(fd))
		}
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ToValidUTF8(string(o.kept), "?")
}

func (o *output) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.kept) == maxOutput
}
