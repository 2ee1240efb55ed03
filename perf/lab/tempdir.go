package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The lab's directory is called thresher-lab-PID-RANDOM and holds the file
// owner, which tells the process that made it from a later one with the same
// number: boot id and start time.
const (
	dirPrefix = "thresher-lab-"
	ownerFile = "owner"
)

// newDir removes the directories of processes that are gone, then makes one for
// this process.
func newDir() (string, error) {
	if err := removeDeadDirs(os.TempDir()); err != nil {
		return "", err
	}
	if err := removeDeadGroups(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-*", dirPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("lab: make a directory: %w", err)
	}
	identity, err := processIdentity(os.Getpid())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ownerFile), []byte(identity), 0o600)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("lab: note the owner of %s: %w", dir, err), os.RemoveAll(dir))
	}
	return dir, nil
}

// removeDeadDirs removes what labs killed with SIGKILL left below parent.
func removeDeadDirs(parent string) error {
	dirs, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*-*"))
	if err != nil {
		return fmt.Errorf("lab: look for directories of earlier labs: %w", err)
	}
	var errs []error
	for _, dir := range dirs {
		if !ownerLives(dir) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// ownerLives tells whether the process that made the directory still runs. It
// says yes where it cannot know.
func ownerLives(dir string) bool {
	number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return true
	}
	now, err := processIdentity(pid)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	noted, noteErr := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil || noteErr != nil || len(noted) == 0 {
		return true // Just being made, perhaps.
	}
	return string(noted) == now
}

// processIdentity tells a process from all others that had its number: the boot
// and the start time in clock ticks since (proc_pid_stat(5), field 22).
func processIdentity(pid int) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, field 2, may hold spaces and brackets; the last bracket ends it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat has %d fields after the name, not 20", pid, len(fields))
	}
	return fmt.Sprintf("%s %s\n", bytes.TrimSpace(boot), fields[19]), nil
}
