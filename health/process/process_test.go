package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thresher/internal/wholefile"
)

// sleeper starts a process that can be told from others by its argument.
func sleeper(t *testing.T, seconds string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", seconds)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	awaitName(t, cmd.Process.Pid, seconds)
	return cmd
}

// awaitName gives a sleep that has just begun the time to have its name and arguments:
// the kernel sets them after it has told this process that the program is there.
func awaitName(t *testing.T, pid int, seconds string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", pid)
	eventually(t, func() error {
		name, err1 := os.ReadFile(dir + "comm")
		line, err2 := os.ReadFile(dir + "cmdline")
		if string(name) != "sleep\n" || !strings.HasSuffix(string(line), "\x00"+seconds+"\x00") {
			return fmt.Errorf("process %d is %q, %q: %w", pid, name, line, errors.Join(err1, err2))
		}
		return nil
	})
}

func TestFind(t *testing.T) {
	cmd := sleeper(t, "98.76543")
	pid := cmd.Process.Pid
	file := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(file, []byte(" "+strconv.Itoa(pid)+" \nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		p    Pattern
		want bool
	}{
		{"name and arguments", Pattern{Name: "sleep", Args: regexp.MustCompile(`^98\.76543$`)}, true},
		{"other arguments", Pattern{Name: "sleep", Args: regexp.MustCompile(`^98\.765431$`)}, false},
		{"other name", Pattern{Name: "sleeper", Args: regexp.MustCompile(`^98\.76543$`)}, false},
		{"pid file", Pattern{PidFile: file}, true},
		{"no pid file", Pattern{PidFile: file + "x"}, false},
	} {
		pids, err := tt.p.Find()
		if err != nil || slices.Contains(pids, pid) != tt.want {
			t.Errorf("%s: %v, %v; want it to be found: %v", tt.name, pids, err, tt.want)
		}
	}
	if err := Kill([]int{pid}); err != nil {
		t.Fatal(err)
	}
	// Nobody has waited for it yet: it is dead all the same.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if pids, _ := (Pattern{PidFile: file}).Find(); len(pids) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a dead process is found")
		}
	}
}

// TestPidFileThatIsNone: a FIFO in the place of a pid file keeps nobody waiting.
func TestPidFileThatIsNone(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "pid")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	found := make(chan error, 1)
	go func() {
		_, err := Pattern{PidFile: fifo}.Find()
		found <- err
	}()
	select {
	case err := <-found:
		if !errors.Is(err, wholefile.ErrNotRegular) {
			t.Errorf("%v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for a writer")
	}
}

func TestAwait(t *testing.T) {
	cmd := sleeper(t, "97.65432")
	ended := make(chan error, 1)
	go func() { ended <- Await(t.Context(), cmd.Process.Pid) }()
	select {
	case err := <-ended:
		t.Fatalf("ended while it runs: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := Kill([]int{cmd.Process.Pid}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the end was not noticed")
	}
	_ = cmd.Wait()
	if err := Await(t.Context(), cmd.Process.Pid); err != nil {
		t.Errorf("a process that there is no more: %v", err)
	}
}

func TestAwaitGivesUp(t *testing.T) {
	cmd := sleeper(t, "96.54321")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Await(ctx, cmd.Process.Pid); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func FuzzPid(f *testing.F) {
	for _, s := range []string{"1", "1\n", " 42 \nx", "", "-1", "0", "99999999999999999999", "a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if pid, err := parsePid(text); err == nil && pid < 1 {
			t.Errorf("%q is process %d", text, pid)
		}
	})
}

// TestGone: a process that has ended is there until its parent has waited for it.
func TestGone(t *testing.T) {
	c := exec.Command("/bin/true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := Await(t.Context(), c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	waited := make(chan struct{})
	go func() { defer close(waited); _ = c.Wait() }()
	gone := Gone(t.Context(), c.Process.Pid, 10*time.Second)
	if err := unix.Kill(c.Process.Pid, 0); !gone || err == nil {
		t.Error("it can be found still")
	}
	<-waited
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if Gone(ctx, os.Getpid(), time.Hour) {
		t.Error("this process is gone")
	}
}
