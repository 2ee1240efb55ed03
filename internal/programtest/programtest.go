// Package programtest builds the program for tests that run it.
package programtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// What most of the program is made of: go test remembers no result of a package that
	// runs it when that has changed. It does not see what a test has built.
	_ "thresher/farm"
	"thresher/perf/lab"
)

// Variable names a program that was built already. A machine without a Go command,
// such as those of perf/vm, runs tests with it.
const Variable = "THRESHER_TEST_PROGRAM"

// Build builds cmd/thresher as it is shipped, static, into a directory of its own
// that every user may read. The caller calls remove when the tests are done, also
// after an error.
func Build() (path string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "thresher-program-")
	remove = func() error { return os.RemoveAll(dir) }
	if err != nil {
		return "", remove, err
	}
	path = filepath.Join(dir, "thresher")
	// The program is static; the race detector, should GOFLAGS ask for it, is not.
	build := exec.Command("go", "build", "-race=false", "-o", path, "thresher/cmd/thresher")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", remove, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, remove, os.Chmod(dir, 0o755)
}

// Run runs a package's tests with the program at *path, and returns their exit
// code. Unless Variable names one, it is built. Where this machine cannot make labs, nothing is built: each test says what
// it lacks.
func Run(m *testing.M, path *string) int {
	if lab.Available() != nil {
		return m.Run()
	}
	if program, ok := os.LookupEnv(Variable); ok {
		*path = program
		return m.Run()
	}
	program, remove, err := Build()
	defer remove()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*path = program
	return m.Run()
}
