package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stallTimeout is how long a process may take to stop. A thread stops when it
// comes back from the system call that it is in.
const stallTimeout = 5 * time.Second

// Pause stops the process as if its machine gave it no CPU: SIGSTOP. It returns
// when every thread has stopped. Sockets, programs in the kernel and the link go
// on. Close of the lab ends a paused process as any other.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(p.Pid)
}

// Resume lets a paused process go on: SIGCONT.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Pause stops every process of the host, as a hypervisor that takes a snapshot
// does. The host's kernel goes on: take its port down too, where that matters.
func (h *Host) Pause() error {
	if err := h.signalAll(syscall.SIGSTOP); err != nil {
		return err
	}
	pids, err := processesIn(h.inode)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := awaitStopped(pid); err != nil {
			return err
		}
	}
	return nil
}

// Resume lets every process of the host go on.
func (h *Host) Resume() error { return h.signalAll(syscall.SIGCONT) }

func (h *Host) signalAll(s syscall.Signal) error {
	pids, err := processesIn(h.inode)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("lab: signal process %d of %s: %w", pid, h.Name, err)
		}
	}
	return nil
}

// awaitStopped waits until every thread of the process has stopped. One that has
// ended is as good.
func awaitStopped(pid int) error {
	for deadline := time.Now().Add(stallTimeout); !allStopped(pid); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("lab: process %d has not stopped after %v", pid, stallTimeout)
		}
	}
	return nil
}

// allStopped reads the threads' states (proc_pid_stat(5), field 3).
func allStopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // The pattern is right.
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended.
		}
		// The name, field 2, may hold spaces and brackets; the last bracket ends it.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) == 0 || !bytes.Contains([]byte("TtZX"), fields[0]) {
			return false
		}
	}
	return true
}
