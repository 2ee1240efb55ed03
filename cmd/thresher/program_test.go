package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
	"thresher/internal/programtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = removeProgram() // a directory of temporary files
		leftout.Exit(code)
	}))
}

// removeProgram removes what built has built, if a test asked for it.
var removeProgram = func() error { return nil }

// built builds the program, the first time that a test asks for it.
var built = sync.OnceValues(func() (path string, err error) {
	path, removeProgram, err = programtest.Build()
	return path, err
})

// program is the path of the built program.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
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
	path := program(t) // builds it, the first time
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	return runToEnd(t, cmd)
}
