package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Usage is what a process holds of its machine at one moment.
type Usage struct {
	Resident    int64 // memory, bytes (VmRSS of proc_pid_status(5))
	Threads     int
	Descriptors int // open files, sockets and the like
}

// Usage reads what the process holds.
func (p *Process) Usage() (Usage, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		return Usage{}, err
	}
	u, err := parseUsage(status)
	if err != nil {
		return Usage{}, fmt.Errorf("status of process %d: %w", p.Pid, err)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid))
	u.Descriptors = len(open)
	return u, err
}

// parseUsage reads a process's status as the kernel writes it.
func parseUsage(status []byte) (u Usage, err error) {
	found := 0
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch string(fields[0]) {
		case "VmRSS:":
			u.Resident, err = strconv.ParseInt(string(fields[1]), 10, 64)
			u.Resident *= 1024
		case "Threads:":
			u.Threads, err = strconv.Atoi(string(fields[1]))
		default:
			continue
		}
		if err != nil {
			return Usage{}, err
		}
		found++
	}
	if found != 2 {
		return Usage{}, errors.New("no VmRSS, or no number of threads")
	}
	return u, nil
}
