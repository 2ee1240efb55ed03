// Package process finds processes and notices their end.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pattern finds processes: by a pid file, or by the name of the program's file and
// its arguments.
type Pattern struct {
	PidFile string
	Name    string
	Args    *regexp.Regexp
}

// Find returns the processes of this machine that fit, dead ones that nobody has
// waited for left out. By name, those of root come first and the oldest of them, and
// those that people run in their sessions count only where there are no others; a pid
// file is believed if it is root's or the process's own user's.
func (p Pattern) Find() ([]int, error) {
	if p.PidFile != "" {
		return p.fromFile()
	}
	pids, err := all(func(pid int) bool { return p.fits(pid) && alive(pid) })
	if err != nil {
		return nil, err
	}
	return surest(pids, standingOf, started), nil
}

// all are the processes of this machine that fit.
func all(fits func(pid int) bool) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && fits(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Still says whether all of these processes, which Find has returned, are there and
// fit. That costs much less than looking through all of the machine's.
func (p Pattern) Still(pids []int) bool {
	for _, pid := range pids {
		if !p.fits(pid) || !alive(pid) {
			return false
		}
	}
	return true
}

// started is when a process began, in ticks since boot (proc(5): stat, field 22);
// one that has ended meanwhile comes last.
func started(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return math.MaxUint64
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return math.MaxUint64
	}
	n, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// fits compares the process's program and arguments. A process that has ended
// meanwhile fits nothing.
func (p Pattern) fits(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(line) == 0 {
		return false // a kernel thread has none
	}
	words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	return p.named(pid, words[0]) && (p.Args == nil || p.Args.MatchString(strings.Join(words[1:], " ")))
}

// named compares the name with that of the program's file, with the command's own
// (proc(5): comm, cut at 15 bytes), and with what the process says of itself, such
// as "nginx: master process".
func (p Pattern) named(pid int, zeroth string) bool {
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == p.Name {
		return true
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err == nil && strings.TrimSpace(string(comm)) == p.Name {
		return true
	}
	first, _, _ := strings.Cut(zeroth, ":")
	return filepath.Base(first) == p.Name
}

// alive tells a process from one that has ended and waits for its parent (proc(5):
// stat, the third field, after the name in parentheses).
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, ok := strings.Cut(string(stat[max(0, bytes.LastIndexByte(stat, ')')):]), ") ")
	return ok && !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// Await returns when the process has ended, or ctx's error. It does not poll: a
// pidfd becomes readable then (pidfd_open(2), Linux 5.3).
func Await(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || err == nil && !alive(pid) {
		if err == nil {
			_ = unix.Close(fd)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.Close() })
	defer stop()
	err = raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Kill ends processes without asking.
func Kill(pids []int) error { return Signal(pids, unix.SIGKILL) }

// Signal sends a signal to processes, those that have ended left out.
func Signal(pids []int, s unix.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("signal process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}

// Gone waits until a process that has ended can't be found any more, and says whether
// it can't: it is there until its parent has waited for it (wait(2), NOTES), and a
// server that is started asks by kill(2) whether the process of its pid file is. Apache
// takes it for running and starts nothing. A parent that does not wait within patience
// is not waited for.
func Gone(ctx context.Context, pid int, patience time.Duration) bool {
	end := time.After(patience)
	for wait := time.Millisecond; unix.Kill(pid, 0) == nil; wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			return false
		case <-end:
			return false
		case <-time.After(wait):
		}
	}
	return true
}
