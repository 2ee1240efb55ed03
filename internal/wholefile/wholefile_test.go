package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

// holds checks a file, and that it is alone in its directory.
func holds(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != text {
		t.Errorf("%q, %v; want %q", b, err, text)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != mode {
		t.Errorf("%v, %v; want mode %v", info, err, mode)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v, %v", left, err)
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"new", "newer"} {
		if err := Replace(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text, 0o640)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "l")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("by a link"), 0o640); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "by a link", 0o604)
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

func TestReplaceKeepsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		leftout.Skip(t, "only root may give files away")
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "x", 0o600)
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil || stat.Uid != 1 || stat.Gid != 2 {
		t.Errorf("it is %d's and %d's, %v", stat.Uid, stat.Gid, err)
	}
}

// TestReplaceWithoutTheRight: who may not give files away keeps the file as it was, and
// is told what would help.
func TestReplaceWithoutTheRight(t *testing.T) {
	if os.Geteuid() != 0 {
		leftout.Skip(t, "only root can make a file of somebody else's")
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o640), os.Chown(path, 0, 4)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its rights
		if err := dropChown(); err != nil {
			failed <- err
			return
		}
		failed <- Replace(path, []byte("new"), 0o600)
	}()
	if err := <-failed; !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "`chown 0:0`") {
		t.Error(err)
	}
	holds(t, path, "old", 0o640)
}

// dropChown takes CAP_CHOWN from this thread (capabilities(7)).
func dropChown() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_CHOWN
	return unix.Capset(&header, &data[0])
}

// TestReplaceFails: what can't be replaced leaves nothing behind.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "d", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "d"), []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if err := Replace(filepath.Join(dir, "nowhere", "f"), []byte("x"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v, %v", left, err)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Create(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	holds(t, path, "first", 0o600)
}
