package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command has a manual page, and two runs give the same bytes.
func TestManualPages(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dirs := [2]string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for _, dir := range dirs {
		if _, stderr, code := thresher(t.Context(), "man", dir); code != exitDone {
			t.Fatalf("exit %d, %s", code, stderr)
		}
	}
	for _, name := range []string{"thresher.1", "thresher-run.1", "thresher-convert-safekit.1"} {
		page, err := os.ReadFile(filepath.Join(dirs[0], name))
		if err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(filepath.Join(dirs[1], name))
		if err != nil || string(again) != string(page) {
			t.Errorf("%s is not the same the second time: %v", name, err)
		}
		if !strings.Contains(string(page), `"Nov 2023"`) || !strings.Contains(string(page), ".SH SYNOPSIS") {
			t.Errorf("%s:\n%.400s", name, page)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "today")
	if _, stderr, code := thresher(t.Context(), "man", dirs[0]); code != exitUsage || !strings.Contains(stderr, "SOURCE_DATE_EPOCH") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
