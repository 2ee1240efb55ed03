package console

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestListenUnixMakesSocketAndDirectory(t *testing.T) {
	path := socketPath(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode %v, want a socket with 0660 whatever the umask", info.Mode())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("closing left the socket: %v", err)
	}
}

func TestListenUnixReplacesADeadSocket(t *testing.T) {
	path := socketPath(t)
	leaveSocket(t, path)
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("nobody behind the new socket: %v", err)
	}
	conn.Close()
}

func TestListenUnixLeavesALiveSocket(t *testing.T) {
	path := socketPath(t)
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if second, err := ListenUnix(path); err == nil {
		second.Close()
		t.Fatal("a second daemon took the socket over")
	} else if !strings.Contains(err.Error(), "already answers") {
		t.Errorf("error %q", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first daemon lost its socket: %v", err)
	}
	conn.Close()
}

func TestListenUnixLeavesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := ListenUnix(path); err == nil {
		l.Close()
		t.Fatal("listened on a file")
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestListenUnixRefusesLongPath(t *testing.T) {
	path := "/tmp/" + strings.Repeat("x", maxSocketPath)
	if l, err := ListenUnix(path); err == nil {
		l.Close()
		t.Fatal("listened")
	} else if !strings.Contains(err.Error(), "shorter") {
		t.Errorf("error %q names no cure", err)
	}
}

// leaveSocket leaves a socket at path as a killed daemon does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := RemoveStale(path); err == nil || !strings.Contains(err.Error(), "a daemon already answers") {
		t.Errorf("of a living daemon: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once it is there, once it is not
		if err := RemoveStale(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the dead socket is still there: %v", err)
	}
	if err := RemoveStale(filepath.Join(path, "none", "api.sock")); err != nil {
		t.Errorf("of no directory: %v", err)
	}
}

// Anybody can open the socket's directory, and lock what they have opened.
func TestALockOfTheDirectoryHoldsNobodyUp(t *testing.T) {
	path := socketPath(t)
	leaveSocket(t, path)
	dir, err := os.Open(filepath.Dir(path))
	must(t, err)
	defer dir.Close()
	must(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX))
	done := make(chan error, 1)
	go func() {
		err := RemoveStale(path)
		l, lerr := ListenUnix(path)
		if lerr == nil {
			lerr = l.Close()
		}
		done <- errors.Join(err, lerr)
	}()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(testTimeout):
		t.Fatal("a lock of the directory is waited for")
	}
}

// A lock that others can open is nobody's: they could keep it.
func TestLockOfTheSocketIsOwn(t *testing.T) {
	for name, spoil := range map[string]func(lock string) error{
		"others may read it": func(lock string) error { return os.Chmod(lock, 0o644) },
		"another's":          func(lock string) error { return os.Chown(lock, 65534, 65534) },
		"a link":             func(lock string) error { return errors.Join(os.Rename(lock, lock+"2"), os.Symlink(lock+"2", lock)) },
		"a directory":        func(lock string) error { return errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)) },
	} {
		path := socketPath(t)
		leaveSocket(t, path)
		lock := path + ".lock"
		if info, err := os.Stat(lock); err != nil || info.Mode() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		if err := spoil(lock); errors.Is(err, fs.ErrPermission) {
			continue // who is not root gives nothing away
		} else if err != nil {
			t.Fatal(err)
		}
		if l, err := ListenUnix(path); err == nil {
			l.Close()
			t.Errorf("%s: locked", name)
		} else if !strings.Contains(err.Error(), lock) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of daemons that find a dead socket at once, one has it, and is found there.
func TestOneOfManyTakesADeadSocket(t *testing.T) {
	for range 20 {
		path := socketPath(t)
		leaveSocket(t, path)
		got := make(chan net.Listener)
		for range 8 {
			go func() {
				l, _ := ListenUnix(path) // but for one, all are refused
				got <- l
			}()
		}
		var all []net.Listener
		for range 8 {
			if l := <-got; l != nil {
				defer l.Close()
				all = append(all, l)
			}
		}
		if len(all) != 1 {
			t.Fatalf("%d listen", len(all))
		}
		conn, err := net.Dial("unix", path)
		must(t, err)
		conn.Close()
	}
}
