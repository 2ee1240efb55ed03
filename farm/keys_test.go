package farm

import "testing"

// Keys that nothing takes over are not said to be in force.
func TestKeysOfANodeThatHasEnded(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	l := &loop{parts: &parts{confirmation: &confirmation{ended: ended}}}
	if err := l.setKeys([][32]byte{{1}}); err == nil {
		t.Error("no error")
	}
}
