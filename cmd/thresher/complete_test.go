package main

import (
	"strings"
	"testing"

	"thresher/console"
)

func TestShellsCompleteNames(t *testing.T) {
	api := startDaemon(t, console.NewLog(0))
	for _, line := range [][]string{{"drain", "--node", ""}, {"config", "get", "--node", ""}, {"status", "--node", "w"}, {"weight", "web", "50", "--node", ""}} {
		out, _, code := thresher(t.Context(), append([]string{"__complete", "--api", api}, line...)...)
		if code != exitDone || !strings.HasPrefix(out, "web1\n:4\n") {
			t.Errorf("%v completes to %q", line, out)
		}
	}
	out, _, code := thresher(t.Context(), "__complete", "--api", "unix:///nowhere", "drain", "--node", "")
	if code != exitDone || !strings.HasPrefix(out, ":4\n") {
		t.Errorf("without a daemon: %q", out)
	}
}

func TestConfigGet(t *testing.T) {
	api := startDaemon(t, console.NewLog(0))
	if out, stderr, code := thresher(t.Context(), "config", "get", "--api", api); code != exitDone || out != "node: {}\n" {
		t.Errorf("%d: %q, %q", code, out, stderr)
	}
	if _, stderr, code := thresher(t.Context(), "config", "check", "/nowhere", "--api", api); code != exitUsage || !strings.Contains(stderr, "/nowhere") {
		t.Errorf("%d: %q", code, stderr)
	}
}
