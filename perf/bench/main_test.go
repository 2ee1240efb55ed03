package bench

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
	"thresher/internal/programtest"
)

// binary is the daemon of the engines under test, built once.
var binary string

func TestMain(m *testing.M) { leftout.Exit(run(m)) }

func run(m *testing.M) int {
	code := programtest.Run(m, &binary)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}
