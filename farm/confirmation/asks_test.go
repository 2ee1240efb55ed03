package confirmation

import (
	"errors"
	"testing"
)

// Keys that nothing takes over are not said to be in force.
func TestKeysOfANodeThatHasEnded(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	c := &Confirmation{ended: ended}
	if err := c.SetKeys([32]byte{1}); !errors.Is(err, ErrEnded) {
		t.Errorf("%v, want %v", err, ErrEnded)
	}
}
