package wholefile

import (
	"errors"
	"os"
	"syscall"
)

// Lock waits for a file's lock, which lasts until the file is closed (flock(2)). A signal
// that comes meanwhile does not end the wait.
func Lock(f *os.File) error {
	return uninterrupted(func() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) })
}

// uninterrupted makes a system call again for as long as a signal breaks it off.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
