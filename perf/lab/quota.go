package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoCPUController is returned where this machine cannot hold a process to a
// part of a CPU: the cpu controller of cgroup v1 is not mounted.
var ErrNoCPUController = errors.New("lab: no cpu controller of cgroup v1 is mounted")

// cpuController is the file system type of cgroup v1 and the option that mounts
// its cpu controller.
const cpuController = "cpu"

// Bounds of a quota's period and the least time in it
// (Documentation/scheduler/sched-bwc.rst).
const (
	minQuota        = time.Millisecond
	maxQuotaPeriod  = time.Second
	defaultPeriod   = 100 * time.Millisecond
	removalPatience = 5 * time.Second
)

// Quota holds a process to a part of one CPU until Heal. Close of the lab ends it
// too.
type Quota struct {
	dir  string // the control group
	home string // the one that the process came from
	once sync.Once
	err  error
}

// LimitCPU lets the process, and those that it starts, run for percent of one CPU:
// in each period they have that part of it, then all of them stand still until
// the next. A period of 0 is 100 ms, 1 s the longest: the stalls are almost that
// long. ErrNoCPUController where the machine lacks what it needs.
func (h *Host) LimitCPU(p *Process, percent float64, period time.Duration) (*Quota, error) {
	if period == 0 {
		period = defaultPeriod
	}
	quota := time.Duration(percent / 100 * float64(period))
	if quota < minQuota || period > maxQuotaPeriod {
		return nil, fmt.Errorf("lab: %v %% of a CPU in %v: want %v at least, and a period of %v at most",
			percent, period, minQuota, maxQuotaPeriod)
	}
	root, err := controllerMount(cpuController)
	if err != nil {
		return nil, err
	}
	home, err := groupOf(p.Pid, cpuController)
	if err != nil {
		return nil, err
	}
	q := &Quota{
		dir:  filepath.Join(root, fmt.Sprintf("%s-%d", filepath.Base(filepath.Dir(h.Dir)), p.Pid)),
		home: filepath.Join(root, home),
	}
	if err := q.impose(p.Pid, quota, period); err != nil {
		return nil, errors.Join(err, q.Heal())
	}
	if err := h.own(q); err != nil {
		return nil, err
	}
	return q, nil
}

// impose makes the group and moves the process in.
func (q *Quota) impose(pid int, quota, period time.Duration) error {
	err := os.Mkdir(q.dir, 0o755)
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"cpu.cfs_period_us", period.Microseconds()},
		{"cpu.cfs_quota_us", quota.Microseconds()},
		{"cgroup.procs", int64(pid)},
	} {
		if err == nil {
			err = os.WriteFile(filepath.Join(q.dir, f.name), []byte(strconv.FormatInt(f.value, 10)), 0)
		}
	}
	if err != nil {
		return fmt.Errorf("lab: hold process %d to a quota: %w", pid, err)
	}
	return nil
}

// Heal gives the process its CPU back. It may be called more than once.
func (q *Quota) Heal() error {
	q.once.Do(func() {
		if err := q.lift(); err != nil {
			q.err = fmt.Errorf("lab: lift a quota: %w", err)
		}
	})
	return q.err
}

// Close is Heal.
func (q *Quota) Close() error { return q.Heal() }

// lift moves what is in the group back, then removes the group, which is busy as
// long as a process in it ends or starts another.
func (q *Quota) lift() error {
	for deadline := time.Now().Add(removalPatience); ; time.Sleep(time.Millisecond) {
		list, err := os.ReadFile(filepath.Join(q.dir, "cgroup.procs"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, pid := range strings.Fields(string(list)) {
			err := os.WriteFile(filepath.Join(q.home, "cgroup.procs"), []byte(pid), 0)
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		err = unix.Rmdir(q.dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove %s: %w", q.dir, err)
		}
	}
}

// removeDeadGroups removes the control groups of labs killed with SIGKILL. Their
// processes are gone with them, so that the groups are empty; one that is not is
// left alone.
func removeDeadGroups() error {
	root, err := controllerMount(cpuController)
	if errors.Is(err, ErrNoCPUController) {
		return nil
	}
	if err != nil {
		return err
	}
	groups, err := filepath.Glob(filepath.Join(root, dirPrefix+"*-*-*"))
	if err != nil {
		return fmt.Errorf("lab: look for control groups of earlier labs: %w", err)
	}
	for _, dir := range groups {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		if _, err := os.Stat(filepath.Join("/proc", owner)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("lab: remove the control group %s: %w", dir, err)
		}
	}
	return nil
}

// controllerMount finds where a controller of cgroup v1 is mounted
// (proc_pid_mountinfo(5)).
func controllerMount(controller string) (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("lab: list mounts: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		// 36 35 98:0 ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE SUPEROPTIONS
		before, after, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 || kind[0] != "cgroup" {
			continue
		}
		for option := range strings.SplitSeq(kind[2], ",") {
			if option == controller {
				return place[4], nil
			}
		}
	}
	return "", ErrNoCPUController
}

// groupOf is the control group of a process below the controller's mount
// (cgroups(7), /proc/PID/cgroup).
func groupOf(pid int, controller string) (string, error) {
	lines, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", fmt.Errorf("lab: find the control group of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(lines)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for c := range strings.SplitSeq(parts[1], ",") {
			if c == controller {
				return parts[2], nil
			}
		}
	}
	return "", ErrNoCPUController
}
