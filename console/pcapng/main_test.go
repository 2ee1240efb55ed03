package pcapng

import (
	"testing"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }
