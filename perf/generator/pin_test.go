package generator

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
)

// only reports whether a thread may run on one CPU alone, this one.
func only(t *testing.T, tid, cpu int) bool {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &set); err != nil {
		t.Fatal(err)
	}
	return set.Count() == 1 && set.IsSet(cpu)
}

func TestPin(t *testing.T) {
	cpu, err := CPU()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends
		if err := Pin(); err != nil {
			t.Error(err)
		}
		if !only(t, 0, cpu) {
			t.Error("the thread may run elsewhere")
		}
	}()
	<-done
}

func TestPinProcess(t *testing.T) {
	cpu, err := CPU()
	if err != nil {
		t.Fatal(err)
	}
	sleep := exec.Command("sleep", "60")
	if err := sleep.Start(); err != nil {
		leftout.Skip(t, err.Error())
	}
	if err := PinProcess(sleep.Process.Pid); err != nil {
		t.Error(err)
	}
	if !only(t, sleep.Process.Pid, cpu) {
		t.Error("the process may run elsewhere")
	}
	if err := sleep.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = sleep.Wait() // killed
	if err := PinProcess(sleep.Process.Pid); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("error %v for a process that is gone", err)
	}
}
