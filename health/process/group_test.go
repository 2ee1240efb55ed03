package process

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventually waits until something holds.
func eventually(t *testing.T, holds func() error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestLeft: what a leader has left behind is found when it has ended, and not before;
// in a group that has ended, nothing is.
func TestLeft(t *testing.T) {
	leader := exec.Command("/bin/sh", "-c", "sleep 1000 & sleep 1000 & wait")
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	group := leader.Process.Pid
	t.Cleanup(func() { _ = unix.Kill(-group, unix.SIGKILL) }) // all have ended if the test passes
	left := func(want int) (pids []int) {
		t.Helper()
		eventually(t, func() (err error) {
			if pids, err = Left(group); err == nil && len(pids) != want {
				err = fmt.Errorf("%v is left, want %d", pids, want)
			}
			return err
		})
		return pids
	}
	eventually(t, func() error {
		inGroup, err := all(func(pid int) bool { of, err := unix.Getpgid(pid); return err == nil && of == group })
		if err == nil && len(inGroup) != 3 {
			err = fmt.Errorf("%v is the group", inGroup)
		}
		return err
	})
	left(0)
	if !Leads(group) {
		t.Errorf("process %d does not lead its group", group)
	}
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = leader.Wait() // it was killed
	pids := left(2)
	if Leads(pids[0]) {
		t.Errorf("process %d leads the group of %d", pids[0], group)
	}
	if err := Kill(pids); err != nil {
		t.Fatal(err)
	}
	left(0)
}
