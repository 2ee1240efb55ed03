package farm

import (
	"strings"
	"testing"

	"thresher/config"
	"thresher/health"
)

func TestZeroCopyFor(t *testing.T) {
	for _, c := range []struct {
		choice config.ZeroCopy
		mtu    int
		want   config.ZeroCopy
		err    string
	}{
		{config.ZeroCopyAuto, 1500, config.ZeroCopyAuto, ""},
		{config.ZeroCopyOn, 1500, config.ZeroCopyOn, ""},
		{config.ZeroCopyAuto, 9000, config.ZeroCopyOff, ""},
		{config.ZeroCopyOn, 9000, 0, "MTU of 9000"},
	} {
		got, err := zeroCopyFor(config.Datapath{XDP: config.XDPNative, ZeroCopy: c.choice}, health.Facts{MTU: c.mtu, PageSize: 4096})
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
