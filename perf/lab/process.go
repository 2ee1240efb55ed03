package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long Stop waits where its context has no deadline.
const stopTimeout = 5 * time.Second

// Process is a program that runs in a host. Its methods may be called from
// several goroutines at once.
type Process struct {
	// Name is the program's, without its directory.
	Name string
	// Pid is the process's number, also that of its group.
	Pid int

	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error // of the end; set before done is closed
}

// ProcessOptions are what StartWith can do beyond Start.
type ProcessOptions struct {
	// Env is the environment as in exec.Cmd; nil means this process's own.
	Env []string
	// Dir is the working directory; empty means this process's own.
	Dir string
	// Stdout gets a copy of the standard output while it runs.
	Stdout io.Writer
}

// Start runs a program inside the host, in a process group of its own. What it
// writes goes to Log. It is killed by Close, and by the kernel when this process
// dies. Nothing reads the end of it unless somebody calls Wait or Stop.
func (h *Host) Start(name string, args ...string) (*Process, error) {
	return h.StartWith(ProcessOptions{}, name, args...)
}

// StartWith is Start with options.
func (h *Host) StartWith(o ProcessOptions, name string, args ...string) (*Process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	p := &Process{Name: filepath.Base(name), done: make(chan struct{})}
	if err := p.open(h); err != nil {
		return nil, err
	}
	p.cmd = h.command(name, args...)
	p.cmd.Env, p.cmd.Dir = o.Env, o.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if o.Stdout != nil {
		p.cmd.Stdout = io.MultiWriter(p.log, o.Stdout)
	}
	if err := h.thread.do(p.cmd.Start); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %s: start %s: %w", h.Name, p.Name, err), p.log.Close())
	}
	p.Pid = p.cmd.Process.Pid
	h.procs = append(h.procs, p)
	go p.reap()
	return p, nil
}

// open makes the log. The caller holds the host's lock.
func (p *Process) open(h *Host) error {
	h.logs++
	path := filepath.Join(h.Dir, fmt.Sprintf("%s-%d.log", p.Name, h.logs))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("lab: make a log: %w", err)
	}
	p.log = f
	return nil
}

// command prepares a program that dies with the host's thread. It must be
// started on that thread.
func (h *Host) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// A grandchild that keeps the output open must not hold up Wait.
	cmd.WaitDelay = time.Second
	return cmd
}

func (p *Process) reap() {
	p.err = p.cmd.Wait()
	_ = p.log.Close() // Nothing buffered: the child wrote through its own descriptor.
	close(p.done)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the process's end and returns what exec.Cmd.Wait would.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Signal sends a signal. os.ErrProcessDone if the process has ended.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("lab: signal %s, process %d: %w", p.Name, p.Pid, err)
	}
	return nil
}

// Kill sends SIGKILL, without waiting. No error if the process has ended.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Stop sends SIGTERM and waits for the end, until the context's deadline, 5 s
// if it has none; then it sends SIGKILL. It returns nil if the process ended
// with status 0 or by the SIGTERM.
func (p *Process) Stop(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, stopTimeout)
		defer cancel()
	}
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		err := p.Kill()
		<-p.done
		return errors.Join(fmt.Errorf("lab: %s, process %d, did not end on SIGTERM: %w", p.Name, p.Pid, ctx.Err()), err)
	}
	if p.err == nil || p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		return nil
	}
	return fmt.Errorf("lab: %s: %w; it said: %s", p.Name, p.err, p.Tail(1024))
}

// Log is the path of the file with the standard output and standard error.
// Close of the lab removes it.
func (p *Process) Log() string { return p.log.Name() }

// Tail returns the last n bytes of the log at most, or why it cannot be read.
func (p *Process) Tail(n int) string {
	b, err := os.ReadFile(p.Log())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b[max(0, len(b)-n):]))
}

// Run runs a short command inside the host and returns its standard output. An
// error has what the command wrote. A context that ends kills the command.
func (h *Host) Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	return h.run(ctx, h.command(name, args...))
}

func (h *Host) run(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := h.thread.do(cmd.Start)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
		err = cmd.Wait()
		stop()
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("lab: %s: run %s: %w: %s%s", h.Name, cmd, errors.Join(err, ctx.Err()),
			diagnostics.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}
