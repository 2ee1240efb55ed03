package console

import (
	"testing"

	"go.uber.org/goleak"
)

// update rewrites the golden files: go test ./console -update
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
