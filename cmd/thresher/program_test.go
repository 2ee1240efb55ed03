package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(builtDir) // nothing, where no test asked for the program
		leftout.Exit(code)
	}))
}

// builtDir is the directory of the program once built was called, for TestMain to
// remove.
var builtDir string

// built builds the program, the first time that a test asks for it, and returns
// its directory, which everybody may read.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "thresher-cmd-")
	if err != nil {
		return "", err
	}
	builtDir = dir
	// The program is static; the race detector, should GOFLAGS ask for it, is not.
	build := exec.Command("go", "build", "-race=false", "-o", filepath.Join(dir, "thresher"), "thresher/cmd/thresher")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return dir, os.Chmod(dir, 0o755)
})

// program is the path of the built program.
func program(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "thresher")
}

// outcome is what a finished program left.
type outcome struct {
	stdout, stderr string
	code           int // -1 if a signal ended it
}

// runToEnd runs a prepared command and returns what came of it.
func runToEnd(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// run runs the built program in a directory.
func run(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Dir = dir
	return runToEnd(t, cmd)
}
