package leftout

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// goCommand is where the go command that runs this test writes its own errors,
// which reaches the person who called it. Where the test was started otherwise,
// or the go command's output can't be had, it is this process's standard error.
func goCommand() io.Writer {
	parent := os.Getppid()
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent))
	if err != nil || filepath.Base(program) != "go" {
		return os.Stderr
	}
	if f, err := descriptorOf(parent, unix.Stderr); err == nil {
		return f
	}
	return os.Stderr
}

// descriptorOf duplicates another process's descriptor (pidfd_getfd(2)), so that
// both write at the same place of a file. It needs the right to trace the other,
// which a process has of its own user's unless the kernel is stricter
// (kernel.yama.ptrace_scope).
func descriptorOf(pid, descriptor int) (*os.File, error) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(process)
	fd, err := unix.PidfdGetfd(process, descriptor, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d of process %d: %w", descriptor, pid, err)
	}
	return os.NewFile(uintptr(fd), "stderr of go"), nil
}
