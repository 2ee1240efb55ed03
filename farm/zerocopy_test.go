package farm

import (
	"testing"

	"thresher/config"
	"thresher/health"
)

func TestZeroCopyFor(t *testing.T) {
	for _, c := range []struct {
		choice config.ZeroCopy
		mtu    int
		want   config.ZeroCopy
	}{
		{config.ZeroCopyAuto, 1500, config.ZeroCopyAuto},
		{config.ZeroCopyOn, 1500, config.ZeroCopyOn},
		{config.ZeroCopyAuto, 9000, config.ZeroCopyOff},
	} {
		if got := zeroCopyFor(config.Datapath{XDP: config.XDPNative, ZeroCopy: c.choice}, health.Facts{MTU: c.mtu, PageSize: 4096}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
