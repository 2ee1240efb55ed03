package farm

import (
	"testing"

	"thresher/config"
	"thresher/health"
)

func TestXDPNote(t *testing.T) {
	const (
		generic = "the driver takes no native XDP: generic costs more per packet"
		helps   = "; `thresher check` says what would help"
		pieces  = "the driver hands over packets of more than 3498 bytes in pieces (MTU 9000)"
		long    = "parts of datagrams that are too long for a socket are dropped (about 3,500 bytes)"
	)
	for _, tt := range []struct {
		wanted, got config.XDPMode
		mtu         int
		want        string
	}{
		{config.XDPAuto, config.XDPNative, 1500, ""},
		{config.XDPGeneric, config.XDPGeneric, health.MaxSocketMTU, ""},
		{config.XDPAuto, config.XDPGeneric, 9000, generic + helps + "; " + long},
		{config.XDPAuto, config.XDPGeneric, 1500, generic}, // a macvlan, a bridge
		{config.XDPGeneric, config.XDPGeneric, 9000, long},
		{config.XDPAuto, config.XDPNative, 9000, pieces + "; " + long},
		{config.XDPNative, config.XDPNative, 3498, ""},
	} {
		if got := xdpNote(tt.wanted, tt.got, health.Facts{MTU: tt.mtu, PageSize: 4096}); got != tt.want {
			t.Errorf("%v, wanted %v, MTU %d: %q, want %q", tt.got, tt.wanted, tt.mtu, got, tt.want)
		}
	}
}
