package health

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFindDirectory(t *testing.T) {
	dir := t.TempDir()
	file, full := filepath.Join(dir, "file"), filepath.Join(dir, "full")
	if err := errors.Join(os.WriteFile(file, nil, 0o755), os.Mkdir(full, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", full, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(full, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(full, "all"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, problem string }{
		{dir, ""},
		{filepath.Join(dir, "a", "b"), ""},
		{file, file + " is no directory"},
		{filepath.Join(file, "below"), "no files can be made in " + file + "/below: "},
		{"/proc/foo", "no files can be made in /proc/foo: "},
		{filepath.Join(full, "run"), "no files can be made in " + full + "/run: "},
	} {
		problem, cure := FindDirectory(tt.name)
		if tt.problem == "" && problem != "" || !strings.HasPrefix(problem, tt.problem) || (problem == "") != (cure == "") {
			t.Errorf("%s: %q, %q; want %q", tt.name, problem, cure, tt.problem)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v are left behind, %v", left, err)
	}
}

func TestFindCommand(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, problem, cure string }{
		{"/bin/sh", "", ""},
		{"sh", "", ""},
		{"/nonexist", "/nonexist can't be run: stat /nonexist: no such file or directory", "install it, or name the file that it is in"},
		{"no-such-program", "no-such-program can't be run: executable file not found in $PATH", "install it, or name the file that it is in"},
		{plain, plain + " can't be run: permission denied", "chmod +x " + plain + ", or name another file"},
	} {
		if problem, cure := FindCommand(tt.name); problem != tt.problem || cure != tt.cure {
			t.Errorf("%s: %q, %q", tt.name, problem, cure)
		}
	}
}
