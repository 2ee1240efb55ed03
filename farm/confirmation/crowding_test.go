package confirmation

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"thresher/xsk"
)

// A full memory is told of once, and once more when there is room.
func TestCrowding(t *testing.T) {
	var c crowding
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	for _, step := range []struct {
		clients int
		want    string // in what is logged; "" for nothing
	}{
		{xsk.MaxClients - 1, ""},
		{xsk.MaxClients, "level=WARN"},
		{xsk.MaxClients, ""},
		{7, "level=INFO"},
		{7, ""},
	} {
		text.Reset()
		c.look(step.clients, log)
		if got := text.String(); (step.want == "") != (got == "") || !strings.Contains(got, step.want) {
			t.Errorf("%d clients: %q, want %q", step.clients, got, step.want)
		}
	}
}
