package command

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The daemon's service manager favours it (deploy/thresher.service: OOMScoreAdjust,
// Nice, UMask) and talks to it (sd_notify(3)). None of that is for what it runs: an
// application that eats up the memory is to be killed before the rest of the machine.

// usualUmask is what services have that ask for no other (systemd.exec(5)).
const usualUmask = 0o022

// startOrdinary starts a command as if nobody favoured it. It does what the system
// lets it: a command that keeps a favour runs all the same.
func startOrdinary(cmd *exec.Cmd) error {
	done := make(chan error)
	go func() {
		// Nice and, by unshare, umask are one thread's own, and what it starts has
		// them, too. The thread is never unlocked, so that it ends with this.
		runtime.LockOSThread()
		if unix.Unshare(unix.CLONE_FS) == nil {
			unix.Umask(usualUmask)
		}
		// The system call returns 20 less nice (getpriority(2)).
		if n, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && n > 20 {
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0)
		}
		err := cmd.Start()
		if err == nil {
			unspare(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid))
		}
		done <- err
	}()
	return <-done
}

// unspare has the kernel judge a process by its memory alone when memory runs out, if
// it was to be spared (proc(5), oom_score_adj). It may be gone already.
func unspare(score string) {
	if b, err := os.ReadFile(score); err == nil && strings.HasPrefix(string(b), "-") {
		_ = os.WriteFile(score, []byte("0\n"), 0)
	}
}

// ordinaryEnv is this process's environment without what its service manager tells it
// alone (sd_notify(3), sd_watchdog_enabled(3)).
func ordinaryEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" || name == "WATCHDOG_PID"
	})
}
