package farm

import (
	"testing"
	"time"
)

// TestComeback: a rule that is withdrawn from a node that serves it stays so for the
// span, another one does not.
func TestComeback(t *testing.T) {
	const span = 600 * time.Millisecond
	epoch := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := newComeback(span)
	if !c.may(epoch, "web") || !c.due(epoch).IsZero() {
		t.Fatal("a rule that was never withdrawn is held back")
	}
	c.withdrawn(epoch, "web")
	c.withdrawn(epoch.Add(time.Second), "dns")
	for _, tt := range []struct {
		after time.Duration
		rule  string
		want  bool
	}{
		{0, "web", false}, {20 * time.Millisecond, "web", false}, {span - 1, "web", false}, {span, "web", true},
		{span, "dns", false}, {time.Second + span, "dns", true}, {time.Second + span, "other", true},
	} {
		if got := c.may(epoch.Add(tt.after), tt.rule); got != tt.want {
			t.Errorf("%s after %v: %v", tt.rule, tt.after, got)
		}
	}
	c.withdrawn(epoch, "web")
	c.withdrawn(epoch.Add(time.Second), "dns")
	for after, want := range map[time.Duration]time.Duration{0: span, span: time.Second + span} {
		if got := c.due(epoch.Add(after)); !got.Equal(epoch.Add(want)) {
			t.Errorf("after %v the next comes back at %v, want %v", after, got, want)
		}
	}
	if c.forget(); !c.may(epoch, "web") || !c.due(epoch).IsZero() {
		t.Error("what is forgotten is held back")
	}
}
