package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLockKeepsASecondDaemonOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "web1")
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", os.Getpid())) {
		t.Errorf("error = %v, want ErrLocked with this process's id", err)
	}
	if other, err := Acquire(filepath.Join(filepath.Dir(dir), "web2")); err != nil || other.Release() != nil {
		t.Errorf("another node: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

func TestLockInADirectoryThatCannotBe(t *testing.T) {
	_, err := Acquire("/proc/thresher/web1")
	if err == nil || !strings.HasPrefix(err.Error(), "lock this node: mkdir /proc/thresher: ") || !strings.Contains(err.Error(), "; set run_dir to ") {
		t.Errorf("error = %v, want the directory, the key and a cure", err)
	}
}

func TestLockIsNotHeldByWhoHasDied(t *testing.T) {
	dir := t.TempDir()
	// What a crash leaves: the file, signed, and no flock on it.
	if err := os.WriteFile(filepath.Join(dir, "lock"), []byte("4194304999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := holder(filepath.Join(dir, "lock")), fmt.Sprintf("process %d", os.Getpid()); got != want {
		t.Errorf("holder = %s, want %s", got, want)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if got := holder(filepath.Join(dir, "lock")); got != "a process that is just starting" {
		t.Errorf("holder of an unsigned lock = %s", got)
	}
}

// Who may use the API's socket reaches it: it is in the directory above the node's
// own, which stays closed.
func TestOnlyTheNodesOwnDirectoryIsClosed(t *testing.T) {
	for name, begin := range map[string]func(dir string) error{
		"lock": func(dir string) error {
			l, err := Acquire(dir)
			if err != nil {
				return err
			}
			return l.Release()
		},
		"journal": func(dir string) error { _, err := Open(filepath.Join(dir, "restore.json")); return err },
	} {
		run := filepath.Join(t.TempDir(), "thresher")
		if err := begin(filepath.Join(run, "web1")); err != nil {
			t.Fatal(name, err)
		}
		for path, want := range map[string]os.FileMode{run: 0o755, filepath.Join(run, "web1"): 0o700} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(name, err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s: %s has mode %o, want %o", name, filepath.Base(path), got, want)
			}
		}
	}
}
