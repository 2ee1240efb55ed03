package engine

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// binary is the daemon of the engines under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if lab.Available() != nil {
		return m.Run() // each test says what it lacks
	}
	path, remove, err := programtest.Build()
	defer remove()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = path
	return m.Run()
}
