package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killTimeout is how long a killed process may take to be gone. It only has to
// be longer than a stuck system call.
const killTimeout = 5 * time.Second

// killInNamespace kills every process that lives in the network namespace with
// that inode, but for this one, and waits until they are gone. It finds what the
// lab's child processes left behind, also where they changed session or group.
func killInNamespace(inode uint64) error {
	deadline := time.Now().Add(killTimeout)
	for time.Now().Before(deadline) {
		pids, err := processesIn(inode)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := killProcess(pid, inode); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("processes still run after SIGKILL and %v", killTimeout)
}

// processesIn lists the processes in the network namespace with that inode.
func processesIn(inode uint64) ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, link := range links {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link))))
		if err == nil && pid != os.Getpid() && livesIn(pid, inode) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// livesIn tells whether the process is in the network namespace. A process that
// is gone, or a zombie, is in none.
func livesIn(pid int, inode uint64) bool {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && target == fmt.Sprintf("net:[%d]", inode)
}

// killProcess kills the process if it is in the network namespace, and waits
// for its end. It holds a pidfd, so that a reused number harms nobody.
func killProcess(pid int, inode uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if !livesIn(pid, inode) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	// A pidfd is readable once its process has ended (pidfd_open(2)). An
	// interrupted wait is no harm: the caller looks again.
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, int(killTimeout.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for process %d: %w", pid, err)
	}
	return nil
}
