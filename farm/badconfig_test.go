package farm

import (
	"errors"
	"testing"

	"thresher/console"
)

// A program that refuses its configuration is told from one that this machine can't
// run: the first is wrong usage to who has asked for a restart.
func TestCheckTellsABadConfiguration(t *testing.T) {
	for script, want := range map[string]string{"exit 2": console.CodeBadConfiguration, "exit 1": console.CodeConflict} {
		_, err := Self{Program: "/bin/sh", Check: []string{"-c", script}}.check(t.Context())
		if refused, ok := errors.AsType[*console.Error](err); !ok || refused.Code != want {
			t.Errorf("%s: %v", script, err)
		}
	}
}
