package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"thresher/internal/wholefile"
)

const (
	// maxSocketPath is the longest path that a unix socket can have: sun_path has
	// 108 bytes, the last of them zero. Source: unix(7).
	maxSocketPath = 107
	// socketMode lets the owner and the group use the socket, nobody else.
	socketMode = 0o660
	// answerTimeout is how long a socket's owner may take to be found alive. The
	// kernel itself accepts the connection, so this is long.
	answerTimeout = time.Second
)

// ListenUnix listens on a unix socket at path with mode 0660, in a directory
// that it makes (0755) if there is none. A socket that a dead daemon left there
// is removed; one that is answered, and anything else, is left alone and an
// error. Closing the listener removes the socket.
func ListenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket path %s has %d bytes, unix sockets take %d; choose a shorter one",
			path, len(path), maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the socket's directory: %w", err)
	}
	unlock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	return listenPrivate(path)
}

// AdoptUnix goes on with the listener that this process had before it ran its
// program anew: who connected meanwhile waits in it. The descriptor is the
// listener's own from now on.
func AdoptUnix(fd int) (net.Listener, error) {
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "api")
	l, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("go on with the API's socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(true)
	}
	return l, nil
}

// lockSocket takes the lock of the socket at path, and waits for it: two daemons that
// start at once must not both find the old socket dead, and the later one remove the
// new socket of the other. The lock is on a file of the daemon's own: one on the
// directory, which all may read, anybody could keep for good. The file stays: removing
// it could take away the one that a third process has just locked.
func lockSocket(path string) (unlock func(), err error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the socket: %w", err)
	}
	if err = ownAlone(f); err == nil {
		err = wholefile.Lock(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the socket: %s: %w", name, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// ownAlone refuses a file that somebody else can open, and so lock.
func ownAlone(f *os.File) error {
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &stat); err != nil {
		return err
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFREG || stat.Mode&0o077 != 0 || int(stat.Uid) != os.Geteuid() {
		return errors.New("is not a file of this user's alone; remove it, or choose another path for the socket")
	}
	return nil
}

// RemoveStale removes the socket that a dead daemon left at path. It is no error if
// there is none.
func RemoveStale(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockSocket(path)
	if err != nil {
		return err
	}
	defer unlock()
	return removeStale(path)
}

// removeStale removes the socket at path if nobody is behind it.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the old socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket; remove it or choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, answerTimeout)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("a daemon already answers on %s; stop it or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("can't tell whether a daemon is behind %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	return nil
}

// listenPrivate listens at path without a moment in which others could connect.
func listenPrivate(path string) (net.Listener, error) {
	// The mode that a socket has before bind is the mode that its file is made
	// with, less the umask. Chmod then gives the group what the umask took.
	narrow := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), socketMode) }); cerr != nil {
			return cerr
		}
		return err
	}}
	l, err := narrow.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("set the socket's mode: %w", err), l.Close())
	}
	return l, nil
}
