package farm

import (
	"testing"

	"thresher/config"
	"thresher/health"
)

func TestXDPNote(t *testing.T) {
	const (
		generic = "the driver takes no native XDP (MTU 9000): generic costs more per packet; `thresher check` says what would help"
		long    = "packets of more than 3826 bytes that must be asked about are dropped (MTU 9000), others pass"
	)
	for _, tt := range []struct {
		wanted, got config.XDPMode
		mtu         int
		want        string
	}{
		{config.XDPAuto, config.XDPNative, 1500, ""},
		{config.XDPGeneric, config.XDPGeneric, health.MaxSocketMTU, ""},
		{config.XDPAuto, config.XDPGeneric, 9000, generic + "; " + long},
		{config.XDPGeneric, config.XDPGeneric, 9000, long},
	} {
		if got := xdpNote(tt.wanted, tt.got, tt.mtu, false); got != tt.want {
			t.Errorf("%v, wanted %v, MTU %d: %q, want %q", tt.got, tt.wanted, tt.mtu, got, tt.want)
		}
	}
	if got := xdpNote(config.XDPAuto, config.XDPNative, 1500, true); got != handOnNote {
		t.Errorf("it cannot hand on: %q", got)
	}
}
