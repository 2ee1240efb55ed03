package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thresher/health"
)

// An interface that comes is waited for; the wait ends with patience, or at once with
// the process.
func TestInterfaceIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		name         string
		comes, stops time.Duration
		want         bool
		waited       time.Duration
	}{
		{"comes", time.Second, time.Hour, true, time.Second},
		{"does not come", time.Hour, time.Hour, false, interfacePatience},
		{"ended", time.Hour, 300 * time.Millisecond, false, 300 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.stops)
				defer cancel()
				start := time.Now()
				find := func(name string) (problem, cure string) {
					if name != "eth0" || time.Since(start) < tt.comes {
						return "no " + name, ""
					}
					return "", ""
				}
				if got := awaitInterface(ctx, slog.New(slog.DiscardHandler), "eth0", find); got != tt.want || time.Since(start) != tt.waited {
					t.Errorf("%v after %v, want %v after %v", got, time.Since(start), tt.want, tt.waited)
				}
			})
		})
	}
}

// An absent interface is the machine's state: `run` ends so that a service manager
// tries again, `check` says that the file does not fit.
func TestAbsentInterfaceIsNoWrongConfigurationOfRun(t *testing.T) {
	dir := configDir(t)
	yaml := strings.Replace(goodConfig, "interface: lo", "interface: eth0-nowhere", 1)
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	const problem = `bad.yaml:2: interface: this machine has no interface "eth0-nowhere": `
	for command, code := range map[string]int{"run": exitFailed, "check": exitUsage} {
		if got := run(t, dir, command, "--config", "bad.yaml"); got.code != code || !strings.Contains(got.stderr, problem) {
			t.Errorf("%s: exit %d, want %d: %s", command, got.code, code, got.stderr)
		}
	}
}

// The same if it goes while the node starts.
func TestInterfaceThatGoesIsNoWrongUsage(t *testing.T) {
	err := fmt.Errorf("interface eth0: %w", health.ErrNoInterface)
	if got := exitCode(&machineError{err}); got != exitFailed {
		t.Errorf("exit %d, want %d", got, exitFailed)
	}
}
