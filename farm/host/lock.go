package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process runs this node on this machine.
var ErrLocked = errors.New("another process runs this node")

// LockFile is the lock's name in the node's directory, RunDir/NODE.
const LockFile = "lock"

// Lock keeps a second daemon with the same node name off this machine. The
// kernel releases it when the process ends, however it ends.
type Lock struct{ file *os.File }

// Acquire takes the lock of a node's run directory (RunDir/NODE), which it makes
// with mode 0700, and the one above with mode 0755. It does not wait: the error is ErrLocked and names the process
// that has it.
func Acquire(dir string) (*Lock, error) {
	if err := makeDir(dir); err != nil {
		return nil, cannotLock(err)
	}
	path := filepath.Join(dir, LockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, cannotLock(err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s holds %s", ErrLocked, holder(path), path)
	} else if err == nil {
		err = sign(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{f}, nil
}

func cannotLock(err error) error {
	return fmt.Errorf("lock this node: %w; set run_dir to a directory with room that this process can make and write, such as /run/thresher", err)
}

// makeDir makes a node's directory for the daemon alone, with the one above it, in
// which the API's socket is: the socket's own mode says who may use it.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// InheritLock goes on with the lock that this process had before it ran its
// program anew: the kernel's lock belongs to the open file (flock(2)).
func InheritLock(fd int) *Lock {
	unix.CloseOnExec(fd)
	return &Lock{os.NewFile(uintptr(fd), "lock")}
}

// Descriptor is the lock's own, for InheritLock.
func (l *Lock) Descriptor() int { return int(l.file.Fd()) }

// Release gives the lock back. The file stays: removing it could take away the
// one that a third process has just locked.
func (l *Lock) Release() error {
	if err := l.file.Truncate(0); err != nil {
		return errors.Join(fmt.Errorf("unlock this node: %w", err), l.file.Close())
	}
	return l.file.Close()
}

// sign writes this process's id into the lock file.
func sign(f *os.File) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return cannotLock(fmt.Errorf("write the process id: %w", err))
	}
	return nil
}

// holder names the process that signed the file. Between its flock and its
// signature there is none.
func holder(path string) string {
	b, err := os.ReadFile(path)
	pid, err2 := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || err2 != nil {
		return "a process that is just starting"
	}
	return fmt.Sprintf("process %d", pid)
}
