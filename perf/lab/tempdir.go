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
// number, boot id and start time, and in whose eyes it has that number: its PID
// namespace.
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
// says yes where it cannot know: the processes of another PID namespace, whose /tmp
// this one may share, have other numbers here or none.
func ownerLives(dir string) bool {
	number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return true
	}
	file, err := os.ReadFile(filepath.Join(dir, ownerFile))
	here, hereErr := kernelAndNamespace()
	noted := strings.Fields(string(file))
	if err != nil || hereErr != nil || len(noted) == 0 {
		return true // Just being made, perhaps.
	}
	if noted[0] != here[0] {
		return false // Before the last boot.
	}
	if len(noted) != ownerFields || noted[1] != here[1] {
		return true
	}
	now, err := processIdentity(pid)
	return !errors.Is(err, os.ErrNotExist) && (err != nil || string(file) == now)
}

// ownerFields is how many words an owner file has.
const ownerFields = 3

// kernelAndNamespace are the boot id and this process's PID namespace.
func kernelAndNamespace() (both [2]string, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return both, err
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return [2]string{string(bytes.TrimSpace(boot)), namespace}, err
}

// processIdentity tells a process of this PID namespace from all others that had its
// number: the boot, the namespace, and the start time in clock ticks since the boot
// (proc_pid_stat(5), field 22).
func processIdentity(pid int) (string, error) {
	here, err := kernelAndNamespace()
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
	return fmt.Sprintf("%s %s %s\n", here[0], here[1], fields[19]), nil
}
