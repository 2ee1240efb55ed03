package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thresher/internal/leftout"
)

// cpuTime is how much CPU a process has used, in clock ticks of 10 ms
// (proc_pid_stat(5), fields 14 and 15).
func cpuTime(t *testing.T, pid int) (ticks int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var user, system int
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return user + system
}

func TestLimitCPU(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n := l.Nodes[0]
	p := start(t, n, "while :; do :; done")
	q, err := n.LimitCPU(p, 10, 0)
	if errors.Is(err, ErrNoCPUController) {
		leftout.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	begin, before := time.Now(), cpuTime(t, p.Pid)
	time.Sleep(time.Second)
	used := cpuTime(t, p.Pid) - before
	// A tick is 10 ms. The time begins with a period that was not used up, and ends
	// within another.
	if most := int(time.Since(begin).Milliseconds()/100) + 5; used > most {
		t.Errorf("it used %d ticks of CPU, want %d at most", used, most)
	}
	if err := q.Heal(); err != nil {
		t.Fatal(err)
	}
	before = cpuTime(t, p.Pid)
	eventually(t, "it has its CPU back", func() bool { return cpuTime(t, p.Pid)-before > 30 })
	if _, err := n.LimitCPU(p, 0.1, 0); err == nil {
		t.Error("a quota below the kernel's least is accepted")
	}
	if _, err := n.LimitCPU(p, 5, time.Second); err != nil { // Close has to lift it.
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left := ownGroups(t); len(left) > 0 {
		t.Errorf("control groups left behind: %v", left)
	}
}

func ownGroups(t *testing.T) []string {
	t.Helper()
	root, err := controllerMount(cpuController)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := filepath.Glob(filepath.Join(root, fmt.Sprintf("%s%d-*", dirPrefix, os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// A group of a process that is gone, as a SIGKILL leaves it.
func TestDeadGroupsAreRemoved(t *testing.T) {
	if err := Available(); err != nil {
		leftout.Skip(t, err.Error())
	}
	root, err := controllerMount(cpuController)
	if err != nil {
		leftout.Skip(t, err.Error())
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, fmt.Sprintf("%s%d-77-1", dirPrefix, dead.Process.Pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	newLab(t, Config{Nodes: 1})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the next lab left the group: %v", err)
		_ = os.Remove(dir)
	}
}
