package farm

import (
	"context"
	"testing"
	"time"
)

// A balancer's time to hear that a node goes may be long; whoever has none ends it.
func TestPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); pause(ctx, 24*time.Hour) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
