package confirm

import (
	"strings"
	"testing"
	"time"
)

func TestProfilesFitTogether(t *testing.T) {
	for name, p := range map[string]Params{
		"fast": DefaultParams(), "fastest": FastestParams(), "lan": LANParams(), "wan": WANParams(),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitOfTheDesign(t *testing.T) {
	// DESIGN §3: W = L + L/32 + 12 ms, 630.75 ms for 600 ms.
	if got, want := Wait(600*time.Millisecond), 630750*time.Microsecond; got != want {
		t.Errorf("Wait(600ms) = %v, want %v", got, want)
	}
}

func TestParamsThatDoNotFit(t *testing.T) {
	tests := []struct {
		name string
		set  func(*Params)
		want string
	}{
		{"relay too late", func(p *Params) { p.RelayAfter = 6 }, "the time to relay"},
		{"no relay", func(p *Params) { p.RelayAfter = 0 }, "at least 1"},
		{"heard after eviction", func(p *Params) { p.Heard = 400 * time.Millisecond }, "heard"},
		{"lease too short", func(p *Params) { p.Lease = 500 * time.Millisecond }, "lease less two heartbeats"},
		{"round trip too long", func(p *Params) { p.RoundTrip = 100 * time.Millisecond }, "round trip"},
		{"no heartbeat", func(p *Params) { p.Heartbeat = 0 }, "heartbeat"},
		{"lease for ever", func(p *Params) { p.Lease = time.Hour }, "must not be longer"},
		{"longest for ever", func(p *Params) { p.Longest = time.Hour }, "must not be longer"},
		{"majority of nobody", func(p *Params) { p.Partition = Majority }, "configured nodes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultParams()
			tt.set(&p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate() = %v, want something about %q", err, tt.want)
			}
		})
	}
}
