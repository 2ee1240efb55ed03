package engine

import (
	"testing"

	"thresher/internal/leftout"
	"thresher/internal/programtest"
)

// binary is the daemon of the engines under test, built once.
var binary string

func TestMain(m *testing.M) { leftout.Exit(programtest.Run(m, &binary)) }
