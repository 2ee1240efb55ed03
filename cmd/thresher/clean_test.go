package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A machine can be cleaned whatever has become of the configuration.
func TestCleanWithoutAConfiguration(t *testing.T) {
	dir := t.TempDir()
	broken, run := filepath.Join(dir, "broken.yaml"), filepath.Join(dir, "run")
	if err := os.WriteFile(broken, []byte("colour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{broken: "colour", filepath.Join(dir, "missing.yaml"): "missing.yaml"} {
		stdout, stderr, code := thresher(t.Context(), "clean", "--config", file, "--set", "run_dir="+run)
		if code != exitDone || stdout != "nothing to take back in "+run+"\n" {
			t.Errorf("%s: exit %d, %q", file, code, stdout)
		}
		if !strings.Contains(stderr, says) || !strings.HasSuffix(stderr, "thresher: going by "+run+" without it\n") {
			t.Errorf("%s: %q", file, stderr)
		}
	}
	t.Setenv("THRESHER_RUN_DIR", run)
	if stdout, _, code := thresher(t.Context(), "clean", "--config", filepath.Join(dir, "missing.yaml")); code != exitDone || !strings.Contains(stdout, run) {
		t.Errorf("by the environment: exit %d, %q", code, stdout)
	}
	if _, stderr, code := thresher(t.Context(), "clean", "--set", "run_dir"); code != exitUsage {
		t.Errorf("--set without a value: exit %d, %q", code, stderr)
	}
}
