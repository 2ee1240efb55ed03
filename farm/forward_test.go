package farm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thresher/config"
	"thresher/farm/findings"
	"thresher/farm/host"
	"thresher/internal/netnstest"
)

// TestStrictTracking: conntrack is strict while the journal holds it, and then as
// it was before.
func TestStrictTracking(t *testing.T) {
	ns := netnstest.New(t)
	forward := &config.Config{VIPs: []config.VIP{gatewayVIP}, Rules: []config.Rule{{Forward: true}}}
	ns.Do(t, func() error {
		loose := func() string {
			b, err := os.ReadFile("/proc/sys/" + findings.LooseSysctl)
			return strings.TrimSpace(string(b)) + fmt.Sprint(err)
		}
		before := loose()
		j, err := host.Open(filepath.Join(t.TempDir(), "restore.json"))
		if err != nil {
			return err
		}
		if list := strictTracking(&config.Config{}); len(list) > 0 {
			t.Errorf("without rules that forward: %v", list)
		}
		for _, s := range strictTracking(forward) {
			if err := j.SetSysctl(s.name, s.value); err != nil {
				return err
			}
		}
		if got := loose(); got != "0<nil>" {
			t.Errorf("with such rules: %s", got)
		}
		if err := j.Undo(); err != nil {
			return err
		}
		if got := loose(); got != before {
			t.Errorf("taken back: %s, was %s", got, before)
		}
		return nil
	})
}
