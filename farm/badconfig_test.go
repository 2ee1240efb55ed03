package farm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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

// A program that is not done in time is ended, and the error says so: by that it was
// killed nobody would know what to do.
func TestCheckSaysThatItTookTooLong(t *testing.T) {
	late := errors.New("it took longer than 20ms")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, late)
	defer cancel()
	_, err := Self{Program: "/bin/sh", Check: []string{"-c", "exec sleep 60"}}.check(ctx)
	if refused, ok := errors.AsType[*console.Error](err); !ok || refused.Code != console.CodeConflict || !strings.Contains(refused.Message, late.Error()) {
		t.Errorf("got %v", err)
	}
}
