package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A lock is had by one opening of a file at a time, and by the next when that is closed.
func TestLock(t *testing.T) {
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() }) // it may be closed already
		return f
	}
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(path), open(path)
	if err := Lock(first); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(second.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("two have the lock: %v", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- Lock(second) }()
	if err := errors.Join(first.Close(), <-locked); err != nil {
		t.Error(err)
	}
	if err := Lock(first); !errors.Is(err, syscall.EBADF) {
		t.Errorf("the lock of a closed file: %v", err)
	}
}

func TestSignalsEndNoWait(t *testing.T) {
	for _, want := range []error{nil, syscall.ENOLCK} {
		calls := 0
		err := uninterrupted(func() error {
			if calls++; calls < 3 {
				return syscall.EINTR
			}
			return want
		})
		if calls != 3 || !errors.Is(err, want) {
			t.Errorf("%v after %d calls, want %v after 3", err, calls, want)
		}
	}
}
