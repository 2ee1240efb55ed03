package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"thresher/config"
)

// TestDeadProcessLingers: a server that takes the dead process of its pid file for
// itself, as Apache does, is told to start again when that is gone.
func TestDeadProcessLingers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	first := exec.Command("sleep", "1000")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	write := func(pid int) {
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first.Process.Pid)
	start := fmt.Sprintf(`kill -0 $(cat %[1]s) 2>/dev/null && exit 0; sleep 1000 >/dev/null 2>&1 & echo $! >%[1]s`, file)
	r := NewRunner(config.Service{
		Name: "server", Start: []string{"/bin/sh", "-c", start}, Process: &config.Process{PidFile: file}, StartTimeout: 10 * time.Second,
	})
	killed := time.AfterFunc(200*time.Millisecond, func() { _ = first.Process.Kill() }) // while its end is awaited
	defer killed.Stop()
	if why, err := r.AwaitEnd(t.Context()); err != nil || !strings.Contains(why, "has ended") {
		t.Fatalf("%q, %v", why, err)
	}
	waited := time.AfterFunc(gonePatience+gonePatience/2, func() { _ = first.Wait() }) // it was killed
	defer waited.Stop()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || second == first.Process.Pid {
		t.Fatalf("process %d was followed by %q: %v", first.Process.Pid, text, err)
	}
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}
